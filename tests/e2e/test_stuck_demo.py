"""`backout demo --stuck` as a child process: a StatefulSet whose rollback waits for a broken pod."""

import json
import subprocess

import pytest

from tests.e2e.demo import play


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    return play("--stuck")


def test_it_completes_with_one_rollback(played: subprocess.CompletedProcess[str]) -> None:
    assert played.returncode == 0, played.stdout + played.stderr
    told = json.loads(played.stdout.splitlines()[-1])
    assert (told["phase"], told["rollbacks"]) == ("completed", 1)


@pytest.mark.parametrize("line", ["the rollout waits for what is broken", "evicted: checkout-1"])
def test_it_tells_why_it_was_stuck_and_what_helped(
    played: subprocess.CompletedProcess[str], line: str
) -> None:
    assert line in played.stderr
