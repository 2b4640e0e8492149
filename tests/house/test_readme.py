"""The README's first commands exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_readme_names_the_command_to_begin_with(target: str) -> None:
    assert f"make {target}" in (ROOT / "README.md").read_text()


def test_every_make_target_that_a_document_names_exists() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / ".ci" / "run"]
    named = {
        target
        for document in documents
        for target in re.findall(r"(?:^|`|\d )make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE)
    }
    defined = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= defined
    assert named
