"""What is published names no machine it was made on and no registry it was fetched from."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in pieces, or this file would be the first to break its own rule.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:work|root|home/[a-z]\w*|Users/\w+)/"),
    "a folder beside the checkout": re.compile(r"\.\./" + r"shared\b"),
    "a registry's host": re.compile(
        "|".join(
            re.escape(host.replace(" ", "."))
            for host in (
                "pypi org",
                "pythonhosted org",
                "registry npmjs org",
                "repo1 maven org",
                "repo maven apache org",
                "deb debian org",
                "proxy golang org",
                "static crates io",
                "index crates io",
            )
        )
    ),
}


def offences(text: str) -> list[str]:
    """Return every forbidden thing as `line number: what it is`."""
    return [
        f"{number}: {what}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


def published() -> list[Path]:
    """List what git tracks or would add, so that a fault shows before it is committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout, so nobody can tell what belongs to the project")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_published_file_names_a_machine_or_a_registry() -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in published()
        if (wrong := offences(path.read_bytes().decode(errors="replace")))
    }

    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "work/main/README.md",
        'open("/' + 'root/.kube/config")',
        "/home/" + "alice/backout",
        "as ../" + "shared/notes says",
        "fetched from https://pypi." + "org/simple",
        "fetched from https://repo.maven." + "apache.org/maven2",
    ],
)
def test_a_line_that_names_one_is_found(line: str) -> None:
    assert offences(f"fine\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "GET /responses/1/work/",
        "image: registry.example.com/shop/checkout:v2",
        "~/.kube/config",
        "shared/domain",
    ],
)
def test_an_ordinary_path_is_not(line: str) -> None:
    assert offences(line) == []
