"""Follow-ups: what the runbook wants of people within a day and within a week of a rollback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.response import Response, Task


class Term(StrEnum):
    """By when a list is to be done, counted from the end of the response."""

    SHORT = "short_term"
    LONG = "long_term"


SPANS: Mapping[Term, timedelta] = {Term.SHORT: timedelta(hours=24), Term.LONG: timedelta(weeks=1)}

WITHIN: Mapping[Term, str] = {Term.SHORT: "Within 24 hours", Term.LONG: "Within a week"}
"""The heading of each list; in an issue it is how the list is found again."""

LISTS: Mapping[Term, tuple[str, ...]] = {
    Term.SHORT: (
        "Finish the root cause analysis",
        "Open the pull request with the fix",
        "Add the tests that would have caught it",
        "Look at how it was deployed: what would have stopped it",
    ),
    Term.LONG: (
        "Bring the runbook up to date with what was learned",
        "Add the monitors that were missing",
        "Improve the checks of CI and CD",
        "Hold the retrospective with the team",
    ),
}

MOST_REMINDERS = 5
REMINDED_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Item:
    """One thing that is to be done."""

    term: Term
    text: str


ITEMS = tuple(Item(term, text) for term, texts in LISTS.items() for text in texts)


def due_at(response: Response, term: Term) -> datetime:
    """Return when a list is due."""
    return (response.ended_at or response.started_at) + SPANS[term]


def unticked(body: str, term: Term) -> list[str]:
    """Return what is not ticked off under a list's heading in an issue, items that people added too."""
    found, inside = [], False
    for line in map(str.strip, body.splitlines()):
        if line.startswith("#"):
            inside = line.lstrip("#").strip().startswith(WITHIN[term])
        elif inside and line[:5] in {"- [ ]", "* [ ]"}:
            found.append(line[5:].strip())
    return found


def tracked_by(tasks: Sequence[Task], term: Term) -> dict[str, str]:
    """Return the issues in which a list's items are, each with its one item (empty: with the whole list)."""
    return {
        task.receipt: str(task.facts.get("item") or "")
        for task in tasks
        if task.kind == "follow_up" and task.receipt and task.facts.get("term") in {None, "", term.value}
    }


def untracked(tasks: Sequence[Task], term: Term) -> list[str]:
    """Return the items of a list for which an issue of its own was wanted, and could not be made."""
    return [
        str(task.facts["item"])
        for task in tasks
        if task.kind == "follow_up" and not task.receipt and task.facts.get("item")
        if task.facts.get("term") == term.value
    ]
