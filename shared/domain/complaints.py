"""Complaints: what was said of a service since a rollback, by customers or others: counted, no more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.evidence import Evidence, Standing, worst
from shared.domain.response import Response, Word

SOME, NONE = "complaints", "no-complaints"
"""A person's words on it, the newest counts."""

MOST_LINKS = 5


@dataclass(frozen=True)
class Complaint:
    """A message or an incident, by where it can be read; `open` of an incident that is not resolved.

    `id` and `key` are what an incident is known by: its own id, and the key it was opened under.
    """

    at: datetime
    url: str = ""
    id: str = ""
    key: str = ""
    open: bool = False


@dataclass(frozen=True)
class Listened:
    """What one place holds since a time. `what` is told of each (``message``), `place` is where.

    `of_customers` is whether silence there means that no customer complains; `more` that there is more than
    was read.
    """

    what: str
    place: str
    complaints: tuple[Complaint, ...] = ()
    of_customers: bool = False
    more: bool = False


def evidence(places: Sequence[Listened], response: Response, *, since: datetime) -> Evidence:
    """Return what was heard: silence passes where customers speak, an incident that is open fails.

    An incident that the response has heard of, or that it opened itself, is ours and does not count.
    """
    found = worst([_heard(place, response, since) for place in places])
    if found.standing is Standing.PASS and not any(place.of_customers for place in places):
        said = f"{found.said}; no customer is heard there, ask support"
        return replace(found, standing=Standing.ASKED, said=said)
    return found


def _heard(place: Listened, response: Response, since: datetime) -> Evidence:
    known = {alert.episode.rpartition("/")[0] for alert in response.heard.alerts}
    ours = known | set(response.heard.references.values())
    others = [c for c in place.complaints if c.id not in ours and response.id not in c.key]
    after = f"in {place.place} since {since:%H:%M:%S}Z"
    if not others:
        return Evidence(Standing.PASS, f"no {place.what} {after}")
    least = "more than " if place.more else ""
    many = f"{least}{len(others)} {place.what}{'' if len(others) == 1 else 's'}"
    is_open = any(complaint.open for complaint in others)
    details = tuple(f"{each.at:%H:%M:%S}Z {each.url}".rstrip() for each in others[:MOST_LINKS])
    return Evidence(Standing.FAIL if is_open else Standing.ASKED, f"{many} {after}", details)


def answer(response: Response) -> Word | None:
    """Return what a person has last said of it."""
    return next((word for word in reversed(response.heard.words) if word.verb in {SOME, NONE}), None)
