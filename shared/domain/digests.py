"""Digests: what people are told together, and not each by itself.

*Daily*: what was decided and, for lack of leave, not done; nobody needs to be woken for it. *Storm*: many
workloads ask at once, and one message that lists them is read where twenty are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from shared.domain.reasons import Reason
from shared.domain.response import Event, Outcome, Response, Step

SETTLED = timedelta(seconds=10)
"""How long after its period a digest is read: indexes lag behind the records."""

AT = time(9)
"""When the daily digest is sent, by the clock of the team's zone."""

GATHERED = timedelta(seconds=30)
"""How long a storm's questions are gathered; the next message lists all that wait still."""

LISTED_DAILY = frozenset(
    {
        Reason.MODE_OBSERVE,
        Reason.NOT_OPTED_IN,
        Reason.NAMESPACE_NOT_ALLOWED,
        Reason.KIND_NOT_SUPPORTED,
    }
)
"""Refusals that the configuration alone decides; no rollback was ever to be expected."""


class Sort(StrEnum):
    """The sorts of digests."""

    DAILY = "daily"
    STORM = "storm"


@dataclass(frozen=True)
class Period:
    """What one digest gathers: from `since` until `until`."""

    sort: Sort
    team: str
    since: datetime
    until: datetime
    name: str

    @property
    def response_id(self) -> str:
        """The key that the digest's tasks stand under, in place of a response's."""
        return f"digest-{self.sort}-{self.team}-{self.name}"

    @property
    def due_at(self) -> datetime:
        """When the digest is told."""
        return self.until + SETTLED

    @property
    def days(self) -> list[str]:
        """The days (UTC) on which what it gathers may have started, a response's longest life before it."""
        first = (self.since.astimezone(UTC) - timedelta(days=1)).date()
        last = self.until.astimezone(UTC).date()
        return [f"{first + timedelta(days=n):%Y-%m-%d}" for n in range((last - first).days + 1)]

    def gathers(self, response: Response) -> bool:
        """Return whether a response, as it is now, belongs in the digest."""
        if response.team != self.team:
            return False
        if self.sort is Sort.STORM:
            return response.live and response.phase == Step.APPROVE and Reason.STORM in response.asks
        ended_at = response.ended_at
        return ended_at is not None and self.since <= ended_at < self.until and _quiet(response)


def sort_of(response: Response, event: Event) -> Sort | None:
    """Return in which digest people hear of an event; None: in none, it is told by itself or not at all."""
    if event.code == "asked" and Reason.STORM in str(event.facts.get("asks") or "").split(", "):
        return Sort.STORM
    if event.code == "ended" and _quiet(response):
        return Sort.DAILY
    return None


def period(sort: Sort, team: str, at: datetime, zone: tzinfo) -> Period:
    """Return the period that a moment is in."""
    return _storm(team, at) if sort is Sort.STORM else _daily(team, at, zone)


def _daily(team: str, at: datetime, zone: tzinfo) -> Period:
    day = at.astimezone(zone).date()
    if at >= datetime.combine(day, AT, zone):
        day += timedelta(days=1)
    since, until = (datetime.combine(d, AT, zone).astimezone(UTC) for d in (day - timedelta(days=1), day))
    return Period(Sort.DAILY, team, since, until, f"{day:%Y-%m-%d}")


def _storm(team: str, at: datetime) -> Period:
    seconds = int(GATHERED.total_seconds())
    since = datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)
    return Period(Sort.STORM, team, since, since + GATHERED, f"{since:%Y-%m-%dT%H:%M:%S}")


def _quiet(response: Response) -> bool:
    return response.phase == Outcome.REFUSED and response.reason in LISTED_DAILY


def worst_first(responses: Sequence[Response]) -> list[Response]:
    """Return the responses by their score, the newest first among equals."""
    return sorted(responses, key=lambda r: (-r.decision.score, -r.started_at.timestamp()))
