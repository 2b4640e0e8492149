"""Evidence: what a look at the outside found of one topic, and how a task keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.domain.changes import Scalar
from shared.domain.response import Task

CHECK = "check"
"""The kind of the tasks that look."""

ALERTS, LOGS, COMPLAINTS = "alerts", "logs", "complaints"


class Standing(StrEnum):
    """What is known of an item."""

    PASS = "pass"  # noqa: S105 no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    ASKED = "asked"


_WORST_FIRST = (Standing.FAIL, Standing.UNKNOWN, Standing.ASKED, Standing.PASS)

LONGEST = 1000
"""Characters of what is said, and of each example, that are kept: others made them."""

SETTLED = frozenset({Standing.PASS, Standing.ASKED})
"""What another look would not change: it has passed, or a person has to judge."""


@dataclass(frozen=True)
class Evidence:
    """What was found: how it stands, in one sentence, and examples (lines, links) to look at.

    `at` is when the look was over, None while it is not.
    """

    standing: Standing
    said: str
    details: tuple[str, ...] = ()
    at: datetime | None = None


def worst(found: Sequence[Evidence]) -> Evidence:
    """Return several looks at one topic as one: the worst standing, all that was said."""
    standing = min((each.standing for each in found), key=_WORST_FIRST.index)
    details = tuple(detail for each in found for detail in each.details)
    return Evidence(standing, "; ".join(each.said for each in found), details)


def facts(found: Mapping[str, Evidence]) -> dict[str, Scalar]:
    """Return evidence by topic as the facts of a task."""
    told: dict[str, Scalar] = {}
    for topic, each in found.items():
        told |= {topic: each.standing.value, f"{topic}_said": _cut(each.said)}
        if each.details:
            told[f"{topic}_details"] = "\n".join(map(_cut, each.details))
    return told


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def newest(tasks: Sequence[Task], topic: str) -> Evidence | None:
    """Return what the last look found of a topic, None where none has looked at it."""
    looked = [task for task in tasks if task.kind == CHECK and topic in task.facts]
    if not looked:
        return None
    last = max(looked, key=lambda task: task.name)
    told, details = last.facts, str(last.facts.get(f"{topic}_details") or "")
    found = Evidence(Standing(str(told[topic])), str(told.get(f"{topic}_said")), at=last.ended_at)
    return replace(found, details=tuple(details.split("\n"))) if details else found
