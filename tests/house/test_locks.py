"""The locks pin every package by version and hash, and leave the choice of a registry to the machine."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
REQUIREMENT = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s;]+( ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def strays(lock: str) -> list[str]:
    """Return the lines that are neither a pinned requirement nor a hash: options, addresses, paths."""
    lines = (line.strip().removesuffix("\\").strip() for line in lock.splitlines())
    return [line for line in lines if line and not REQUIREMENT.fullmatch(line) and not HASH.fullmatch(line)]


def unhashed(lock: str) -> list[str]:
    """Return the requirements that no hash follows."""
    logical_lines = lock.replace("\\\n", " ").splitlines()
    return [line for line in logical_lines if REQUIREMENT.match(line) and not HASH.search(line)]


def names(lock: str) -> set[str]:
    return {name.partition("[")[0] for name, _ in pins(lock)}


def pins(lock: str) -> set[tuple[str, str]]:
    """Return every (name, version); a name has two where versions of Python differ."""
    return set(re.findall(r"^([a-z0-9][^\s=]*)==([^\s;]+)", lock, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_only_pinned_requirements_and_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert strays(text) == []
    assert unhashed(text) == []
    assert {"boto3", "flask", "kubernetes", "msgspec"} <= names(text)


def test_what_is_deployed_brings_neither_test_tools_nor_the_embedded_table() -> None:
    assert not {"moto", "pytest", "mypy", "ruff", "uv"} & names((ROOT / "requirements.lock").read_text())


def test_tests_run_with_the_versions_that_are_deployed() -> None:
    deployed, tested = (pins((ROOT / lock).read_text()) for lock in LOCKS)

    assert deployed <= tested


def test_every_dependency_that_the_project_declares_is_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = declared["project"]["optional-dependencies"]
    deployed = declared["project"]["dependencies"] + extras["tracing"]
    others = extras["embedded"] + declared["dependency-groups"]["dev"]

    for lock, requirements in zip(LOCKS, (deployed, deployed + others), strict=True):
        wanted = {re.split(r"[\[<>=~!; ]", requirement, maxsplit=1)[0] for requirement in requirements}
        assert wanted <= names((ROOT / lock).read_text()), f"{lock}: run `make lock`"


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://mirror.example.com/simple",
        "--find-links /opt/wheels",
        "shop @ https://example.com/shop-1.0.tar.gz",
        "-e .",
        "boto3>=1.40",
    ],
)
def test_a_line_that_names_an_address_or_no_version_is_found(line: str) -> None:
    assert strays(f"boto3==1.40.1 \\\n    --hash=sha256:{'0' * 64}\n{line}\n") == [line]


def test_a_requirement_without_a_hash_is_found() -> None:
    assert unhashed(f"boto3==1.40.1\nflask==3.1.0 \\\n    --hash=sha256:{'0' * 64}\n") == ["boto3==1.40.1"]


def test_the_lock_of_osls_pins_every_package_by_hash_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages["node_modules/osls"]["version"] in lock["packages"][""]["devDependencies"]["osls"]
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
