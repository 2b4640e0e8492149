"""Every relative link of a document leads to a published file, and every anchor to a heading of it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
ELSEWHERE = ("http:", "https:", "mailto:")


def links(text: str) -> list[str]:
    """Return what a document links to on its own side. A line in code is no link."""
    prose = CODE.sub("", FENCED.sub("", text))
    return [target for target in LINK.findall(prose) if not target.startswith(ELSEWHERE)]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", FENCED.sub("", text))
    titles = [title.lower().strip() for title in HEADING.findall(plain)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def dangling(document: Path, text: str, published: set[Path]) -> list[str]:
    """Return the links that lead nowhere."""
    nowhere = []
    for target in links(text):
        path, _, anchor = target.partition("#")
        aim = (document.parent / path).resolve() if path else document
        known = aim in published or any(aim in file.parents for file in published)
        if not known or (anchor and anchor not in anchors(aim.read_text())):
            nowhere.append(target)
    return nowhere


@pytest.fixture(scope="module")
def published() -> set[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {ROOT / name for name in listed.stdout.split("\0") if name}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path, published: set[Path]) -> None:
    assert dangling(document, document.read_text(), published) == []


def test_a_link_that_leads_nowhere_is_found(published: set[Path]) -> None:
    text = "# Here we `are`\n[a](#here-we-are) [b](#gone) [c](gone.md) [d](table.md#gone) `[e](gone.md)`\n"

    found = dangling(ROOT / "docs" / "table.md", text, published)

    assert found == ["#here-we-are", "#gone", "gone.md", "table.md#gone"]
