"""`backout demo --people` as a child process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECEIVED = {
    "Slack, the message as it stands now": "completed",
    "Slack, its thread": "says yes",
    "PagerDuty, notes on the incident": "rolled back to revision 1",
    "PagerDuty, status updates": "completed",
    "GitHub, comments on shop/checkout#12": "rolled back to revision 1",
    "Status page": "resolved: checkout works as usual again.",
}


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).with_name("backout"))
    return subprocess.run(
        [command, "demo", "--people"], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )


def test_it_ends_well_with_one_rollback(played: subprocess.CompletedProcess[str]) -> None:
    assert played.returncode == 0, played.stdout + played.stderr
    assert "1 rollback by the cluster's count" in played.stdout
    assert "presses the button: yes" in played.stdout


@pytest.mark.parametrize("title", RECEIVED)
def test_it_tells_what_each_system_received(played: subprocess.CompletedProcess[str], title: str) -> None:
    parts = played.stdout.partition("What people saw")[2].split("\n\n")
    [received] = [part for part in parts if part.strip().startswith(title)]
    lines = received.strip().splitlines()[1:]
    assert lines != ["  • nothing"]
    assert RECEIVED[title] in received
