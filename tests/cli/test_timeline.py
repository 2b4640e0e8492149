"""What `backout show` prints below the history."""

from typing import Any

from rich.console import Console

from cli import timeline

ITEMS = [
    {"name": "All pods running", "standing": "pass", "evidence": "3/3 ready", "at": None, "details": []},
    {
        "name": "No customer complaints",
        "standing": "asked",
        "evidence": "1 message in Slack C0SUPPORT [bold]",
        "at": None,
        "details": ["03:02:10Z https://shop.slack.com/archives/C0SUPPORT/p1"],
    },
]
ENDED: dict[str, Any] = {
    "id": "r1",
    "phase": "completed",
    "reason_text": "",
    "ended_at": "2026-03-02T03:10:00Z",
    "rolled": {"by_us": True},
    "checklist": ITEMS,
    "logs": {"name": "Logs", "standing": "asked", "evidence": "2 lines", "at": None, "details": ["a: ERROR"]},
    "tasks": [],
}


def printed(response: dict[str, Any]) -> list[str]:
    console = Console(width=200)
    with console.capture() as captured:
        timeline.print_tail(console, response)
    return captured.get().splitlines()


def test_what_did_not_pass_is_shown_with_its_evidence_and_what_the_logs_hold() -> None:
    assert printed(ENDED)[1:] == [
        "checklist: 1 of 2 passed",
        "  asked    No customer complaints: 1 message in Slack C0SUPPORT [bold]",
        "           03:02:10Z https://shop.slack.com/archives/C0SUPPORT/p1",
        "  asked    Logs: 2 lines",
        "           a: ERROR",
    ]


def test_of_what_lives_or_rolled_nothing_back_there_is_no_checklist_to_show() -> None:
    assert len(printed({**ENDED, "ended_at": None})) == 1
    assert len(printed({**ENDED, "rolled": None})) == 1


def test_an_older_server_has_none() -> None:
    older = {name: value for name, value in ENDED.items() if name not in {"checklist", "logs"}}

    assert len(printed(older)) == 1


def test_what_went_wrong_and_what_was_filed_is_shown_and_no_more() -> None:
    filed = "filed: https://github.com/shop/incidents/issues/31"
    results = ["told: x", filed, "written: /reports/r1.md", "given up: 403", "attempt 2: 503"]
    tasks = [{"name": f"t{n}", "result": result} for n, result in enumerate(results)]

    assert printed({"id": "r1", "phase": "completed", "reason_text": "It held.", "tasks": tasks}) == [
        "completed It held.",
        f"task t1: {filed}",
        "task t2: written: /reports/r1.md",
        "task t3: given up: 403",
        "task t4: attempt 2: 503",
    ]
