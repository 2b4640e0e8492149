"""`backout demo --people` as a child process."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.e2e.demo import play

RECEIVED = {
    "Slack, the message as it stands now": "checkout: completed: The service held its targets",
    "Slack, its thread": "checkout: completed",
    "PagerDuty, notes on the incident": "rolled back to revision 1",
    "PagerDuty, status updates": "completed",
    "GitHub, comments on shop/checkout#12": "rolled back to revision 1",
    "Status page": "resolved: checkout works as usual again.",
    "GitHub, deployments that asked": "rejected: checkout is not to be deployed: response",
    "Mail, the invitation": "METHOD:REQUEST",
}


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    return play("--people")


@pytest.fixture
def result(played: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert played.returncode == 0, played.stdout + played.stderr
    [line] = played.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_it_ends_well_with_one_rollback(
    played: subprocess.CompletedProcess[str], result: dict[str, Any]
) -> None:
    assert (result["phase"], result["rollbacks"]) == ("completed", 1)
    assert "presses the button: yes" in played.stderr


@pytest.mark.parametrize("title", RECEIVED)
def test_it_tells_what_each_system_received(played: subprocess.CompletedProcess[str], title: str) -> None:
    parts = played.stderr.partition("What people saw")[2].split("\n\n")
    [received] = [part for part in parts if part.strip().startswith(title)]
    lines = received.strip().splitlines()[1:]
    assert lines != ["  • nothing"]
    assert RECEIVED[title] in received


def test_a_deployment_is_rejected_until_alice_opens_the_gate(
    played: subprocess.CompletedProcess[str], result: dict[str, Any]
) -> None:
    assert result["gate"] == ["rejected", "approved"]
    assert result["commit_status"] == (["failure", "success"] if shutil.which("git") else [])
    told = ["→ no: ", "answers any other pipeline 423", "opens the gate", "→ yes: ", "any other pipeline 200"]
    places = [played.stderr.index(text) for text in told]
    assert places == sorted(places)


def test_the_report_and_the_follow_ups_are_filed_once_and_shown(
    played: subprocess.CompletedProcess[str], result: dict[str, Any]
) -> None:
    [report], [follow_ups] = result["report"], result["follow_ups"]
    shown = played.stderr.partition("The incident report")[2]
    whole, _, lists = shown.partition("The follow-ups")
    assert report in whole
    assert "[x] All pods running: pass" in whole
    assert ("[Incident] checkout: rolled back" in whole) == bool(shutil.which("git"))
    assert follow_ups in lists
    assert (lists.count("[ ] "), lists.count("Within ")) == (8, 2)
    assert "Owner: @alice" in lists
    assert f"Report: {report}" in lists


def test_the_team_is_invited_to_one_meeting(result: dict[str, Any]) -> None:
    [meeting] = result["meeting"]
    assert meeting["method"] == "REQUEST"
    assert meeting["uid"].startswith(result["response_id"])
    assert "CE" in meeting["at"]
