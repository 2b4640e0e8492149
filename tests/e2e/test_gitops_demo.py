"""`backout demo --gitops` as a child process: an owner that heals drift, and a revert that lasts."""

import json
import subprocess

import pytest

from tests.e2e.demo import play


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    return play("--gitops")


def test_it_completes_with_one_rollback_and_nothing_left_stopped(
    played: subprocess.CompletedProcess[str],
) -> None:
    assert played.returncode == 0, played.stdout + played.stderr
    told = json.loads(played.stdout.splitlines()[-1])
    assert (told["phase"], told["rollbacks"], told["suspended"]) == ("completed", 1, [])


@pytest.mark.parametrize(
    "line",
    [
        "stopped: Argo CD argocd/shop",
        "reverted in git: commit",
        "Argo CD argocd/shop runs again",
        'Revert "Deploy registry.example/checkout:1.4.2"',
        "Argo CD's auto-sync is on again",
    ],
)
def test_it_tells_how_the_rollback_was_made_to_last(
    played: subprocess.CompletedProcess[str], line: str
) -> None:
    assert line in played.stderr
