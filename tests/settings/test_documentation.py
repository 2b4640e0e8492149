"""docs/configuration.md says every key, default and limit that the code knows."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from typing import get_args, get_type_hints

import msgspec
import pytest
import yaml

from shared.domain.matrix import DEFAULT_ROWS
from shared.domain.services import Timing
from shared.settings import load, schema
from shared.settings.durations import Seconds
from shared.settings.limits import LIMITS, shown

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text()


def structs(form: object) -> Iterator[type[msgspec.Struct]]:
    """Yield every struct that a type is made of, itself included."""
    if isinstance(form, type) and issubclass(form, msgspec.Struct):
        yield form
        for inner in get_type_hints(form).values():
            yield from structs(inner)
    for part in get_args(form):
        yield from structs(part)


KEYS = sorted({field.encode_name for s in structs(schema.Document) for field in msgspec.structs.fields(s)})


def test_the_keys_of_inner_mappings_are_known_here() -> None:
    assert {"cluster", "rollbacks", "from", "window", "asks", "timezone", "recent_rollout"} <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_named(key: str) -> None:
    assert re.search(rf"`{key}[`:]", PAGE)


@pytest.mark.parametrize("field", fields(Timing), ids=lambda field: field.name)
def test_every_time_is_told_with_its_default_and_its_limits(field: object) -> None:
    name, default = field.name, field.default  # type: ignore[attr-defined]
    told = re.search(rf"^\| `{name}` \| `(\S+)` \| (\S+) to (\S+) \|", PAGE, re.MULTILINE)

    assert told
    assert Seconds.parse(told[1]) == default
    assert (told[2], told[3]) == tuple(map(shown, LIMITS[name]))


@pytest.mark.parametrize("row", DEFAULT_ROWS, ids=lambda row: row.name)
def test_every_row_of_the_matrix_is_told(row: object) -> None:
    name, action, severity = row.name, row.action, row.severity  # type: ignore[attr-defined]

    assert re.search(rf"^\| `{name}` \|.*`{action}`.* \| `{severity}` \|$", PAGE, re.MULTILINE)


BASIS = {"cluster": "prod", "github": {"token": "env:GITHUB_TOKEN", "app": {"id": "1", "key": "env:KEY"}}}
"""What an example may leave out, since another of its page has it."""


def examples() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what the documents show of a configuration: blocks that begin with a key of one."""
    keys = {field.encode_name for field in msgspec.structs.fields(schema.Document)}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        fenced = re.findall(r"^ *```yaml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        indented = re.findall(r"(?<=\n)\n((?: {4}.*\n|\n)+)", text)
        for block in map(dedent, [*fenced, *indented]):
            said = yaml.safe_load(block) if re.match(rf"\n*({'|'.join(keys)}):", block) else {}
            if said and "annotations" not in said:  # those are an alert's, and so are the labels beside them
                yield page.name, said


EXAMPLES = [pytest.param(said, id=f"{page}-{'-'.join(said)}") for page, said in examples()]


def test_the_documents_show_configurations() -> None:
    assert len(EXAMPLES) > 20


@pytest.mark.parametrize("said", EXAMPLES)
def test_what_a_document_shows_of_a_configuration_is_valid(said: dict[str, object], tmp_path: Path) -> None:
    for team in said.get("teams", {}).values():  # type: ignore[attr-defined]
        team.pop("holidays_file", None)
    path = tmp_path / "backout.yaml"
    path.write_text(yaml.safe_dump(BASIS | said))

    assert load(path).cluster
