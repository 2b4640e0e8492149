from pathlib import Path

import pytest

from shared.adapters.checks import helm
from shared.domain.prerequisites import Finding, State


def program(folder: Path, *lines: str) -> str:
    path = folder / "helm"
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return str(path)


def check(path: str) -> Finding:
    [finding] = helm.check(path)
    assert finding.name == "helm program"
    assert bool(finding.mend) is (finding.state is not State.OK)
    return finding


def test_a_program_that_says_its_version_is_well(tmp_path: Path) -> None:
    path = program(tmp_path, '[ "$*" = "version --short" ] && echo v3.16.2+g13654a5')

    assert check(path) == Finding("helm program", State.OK, f"{path} is v3.16.2")


def test_one_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert check(str(tmp_path / "helm")).state is State.MISSING


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("echo Client: v2.17.0+ga690bad", "v2.17.0, and 3 or newer is needed"),
        ("echo nothing of interest", "says no version"),
        ("echo v3.16.2; exit 1", "says no version"),
    ],
)
def test_what_is_no_helm_of_today_is_broken(tmp_path: Path, line: str, detail: str) -> None:
    finding = check(program(tmp_path, line))

    assert finding.state is State.BROKEN
    assert detail in finding.detail


def test_a_program_that_cannot_be_started_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "helm"
    path.write_text("#!/nowhere/sh\n")
    path.chmod(0o755)

    assert "cannot be started" in check(str(path)).detail
