"""Meetings: when a team meets to find the root cause, and how far a response's invitation has come.

The runbook's "schedule the RCA meeting", within half an hour of the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from shared.domain.response import Outcome, Response, Task

MEET = "meet"

MOVE, CANCEL = "move-meeting", "cancel-meeting"
WORDS = frozenset({MOVE, CANCEL})
"""What a person may say of a meeting; the event has `at`, or `cancel`, among its facts."""

NOTICE = timedelta(hours=2)
"""How long before a meeting people are to know of it."""

SEARCHED = timedelta(days=60)
"""How far ahead a working hour is looked for."""

_MINUTE, _QUARTER = timedelta(minutes=1), timedelta(minutes=15)


@dataclass(frozen=True)
class Hours:
    """When a team works, on the clock of its zone: `days` (Monday is 0) from `start` to before `end`."""

    zone: tzinfo = UTC
    days: frozenset[int] = frozenset(range(5))
    start: time = time(9)
    end: time = time(17)
    holidays: frozenset[date] = frozenset()

    def hold(self, at: datetime) -> bool:
        """Return whether the team works at a moment."""
        local = at.astimezone(self.zone)
        works = local.weekday() in self.days and local.date() not in self.holidays
        return works and self.start <= local.time() < self.end


@dataclass(frozen=True)
class Attendance:
    """Who of a team is invited, when they work, and for how long they meet."""

    attendees: tuple[str, ...]
    hours: Hours = Hours()
    length: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Invitation:
    """One state of a meeting as the invited are told it; a higher `sequence` replaces a lower one.

    The same invitation sent twice is one event in every calendar: it is known by the response's id. `said_at`
    is when it was decided upon, so that each copy is the same to the byte.
    """

    response_id: str
    sequence: int
    at: datetime
    length: timedelta
    attendees: tuple[str, ...]
    summary: str
    text: str
    said_at: datetime
    cancelled: bool = False

    @property
    def uid(self) -> str:
        """The name of the event in calendars."""
        return f"{self.response_id}@backout.dev"


def owed(response: Response) -> bool:
    """Return whether a response that has ended is to be talked over: rolled back, or failed after acting."""
    failed = response.phase == Outcome.FAILED and (response.scaled or bool(response.tried))
    return response.acted or failed


def slot(now: datetime, hours: Hours, length: timedelta) -> datetime | None:
    """Return when a meeting of that length can begin, None where no working hour comes in `SEARCHED`.

    That is the first full or half hour on the team's clock that leaves `NOTICE`, such that every minute of
    the meeting is within working hours. Moments are tried, not times of day, so a clock that is put forward
    or back needs no rule: an hour that is skipped is never met, and one that comes twice is met twice.
    """
    earliest = now.astimezone(UTC) + NOTICE
    first = earliest + (datetime.min.replace(tzinfo=UTC) - earliest) % _QUARTER
    minutes = range(length // _MINUTE)
    for quarter in range(SEARCHED // _QUARTER):
        start = first + quarter * _QUARTER
        half_hour = start.astimezone(hours.zone).minute % 30 == 0
        if half_hour and all(hours.hold(start + minute * _MINUTE) for minute in minutes):
            return start
    return None


class Standing(StrEnum):
    """How far an invitation has come; all but the first are receipts of the task that went so far."""

    PLANNED = "planned"
    INVITED = "invited"
    CANCELLED = "cancelled"
    SHARED = "shared"  # an earlier response's meeting is about this one too
    YOURS = "yours"  # it could not be done; the team was asked to do it


@dataclass(frozen=True)
class Meeting:
    """The meeting of a response as it stands; `at` is None where no time was found or it is another's."""

    standing: Standing
    at: datetime | None
    zone: str
    detail: str

    def leaves_notice(self, now: datetime) -> bool:
        """Return whether it is held, and late enough for people to prepare for it."""
        held = self.standing in {Standing.PLANNED, Standing.INVITED}
        return held and self.at is not None and self.at - now >= NOTICE


def meeting(tasks: Sequence[Task]) -> Meeting | None:
    """Return the meeting of a response by its tasks, None where none was ever owed."""
    meets = [task for task in tasks if task.kind == MEET]
    if not meets:
        return None
    last = max(meets, key=lambda task: task.name)
    given_up = last.ended_at is not None and not last.receipt
    standing = Standing.YOURS if given_up else Standing(last.receipt or Standing.PLANNED)
    at = str(last.facts.get("at") or "")
    return Meeting(
        standing=standing,
        at=datetime.fromisoformat(at) if at else None,
        zone=str(last.facts.get("zone") or "UTC"),
        detail=last.result,
    )


def planned(tasks: Sequence[Task], before: str = "") -> list[Task]:
    """Return the invitations that were planned (before the task of that name), oldest first.

    Whether one went out nobody knows for certain once it was tried, so each may stand in calendars.
    """
    found = [t for t in tasks if t.kind == MEET and "sequence" in t.facts]
    return [t for t in found if not before or t.name < before]


def orders(tasks: Sequence[Task], name: str) -> int:
    """Return how often before the task of that name a meeting was wanted, moved or cancelled."""
    return len([t for t in tasks if t.kind == MEET and "sequence" not in t.facts and t.name < name])
