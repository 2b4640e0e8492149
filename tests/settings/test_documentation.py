"""docs/configuration.md says every key, default and limit that the code knows."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from shared.domain.matrix import DEFAULT_ROWS
from shared.domain.services import Timing
from shared.settings import schema
from shared.settings.durations import Seconds
from shared.settings.limits import LIMITS, shown

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()


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
