"""The timeline: a response and its history, as `backout show` prints it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli import telling
from cli.printing import short
from shared.domain.meetings import Meeting
from shared.domain.owed import GIVEN_UP
from shared.domain.response import Event
from shared.messages.meetings import stands
from shared.wire import convert

COLOURS = {"completed": "green", "dismissed": "cyan", "refused": "yellow", "aborted": "yellow"}


def print_head(console: Console, response: Mapping[str, Any]) -> None:
    """Print what the response is about."""
    severity = response["decision"]["severity"] or ""
    console.print(f"[bold]{short(response['service'])}[/] {short(response['workload'])} {severity}".rstrip())
    console.print(f"response {response['id']}, mode {response['mode']}, started {response['started_at']}")


def print_events(console: Console, events: Sequence[Event], *, started_at: datetime) -> None:
    """Print events, each with the seconds since the response started."""
    for event in events:
        since = (event.at - started_at).total_seconds()
        text = escape(telling.sentence(event))
        if event.code == "ended":
            text = f"[{_colour(str(event.facts.get('outcome')))}]{text}[/]"
        console.print(f"{since:8.1f} s  {event.phase:<10} {text}", soft_wrap=True)


def print_tail(console: Console, response: Mapping[str, Any]) -> None:
    """Print where it stands: the phase, what a person is asked, tasks that went wrong, and what was filed."""
    phase = response["phase"]
    console.print(f"[{_colour(phase)}]{short(phase)}[/] {short(response['reason_text'])}".rstrip())
    if phase == "approve":
        console.print(f"Answer with: backout approve {response['id']}  or  backout abort {response['id']}")
    for stopped in response.get("still_suspended", ()):
        console.print(
            f"[yellow]still stopped[/]: {short(stopped)}; start it with: backout resume {response['id']}"
        )
    if response.get("flags_off"):
        names = ", ".join(map(short, response["flags_off"]))
        console.print(f"[yellow]off[/]: {names}; put back by: backout restore-flags {response['id']}")
    if response.get("meeting"):
        meeting = convert(Meeting, response["meeting"])
        console.print(f"meeting: {short(stands(meeting))}")
    if response.get("checklist") and response.get("rolled") and response["ended_at"]:
        _print_checklist(console, response)
    for task in response["tasks"]:
        if str(task["result"]).startswith((GIVEN_UP, "attempt", "filed: ", "written: ")):
            console.print(f"task {short(task['name'])}: {short(task['result'])}")


def _print_checklist(console: Console, response: Mapping[str, Any]) -> None:
    """Print how many items passed, each of the others with its evidence, and what the logs hold."""
    items = response["checklist"]
    others = [item for item in items if item["standing"] != "pass"]
    console.print(f"checklist: {len(items) - len(others)} of {len(items)} passed")
    for item in [*others, *filter(None, [response.get("logs")])]:
        console.print(
            f"  {item['standing']:<8} {short(item['name'])}: {short(item['evidence'])}", soft_wrap=True
        )
        for detail in item["details"]:
            console.print(f"           {short(detail)}", soft_wrap=True)


def _colour(phase: str) -> str:
    return COLOURS.get(phase, "red" if phase in telling.BAD else "blue")
