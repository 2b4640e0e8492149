"""Quantities: readings, times and people as messages write them."""

import re
from datetime import UTC, datetime, tzinfo

from shared.domain.changes import Scalar
from shared.domain.signals import UNITS, Signal, Unit

_SOURCES = {"slack": "Slack", "pagerduty": "PagerDuty", "link": "by link"}


def quantity(signal: Signal, value: float) -> str:
    """Return a reading as people write it: 12 %, 350 ms, 120/min."""
    match UNITS[signal]:
        case Unit.RATIO:
            return f"{round(100 * value, 4):.3g} %"
        case Unit.SECONDS:
            return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
        case Unit.PER_MINUTE:
            return f"{value:.4g}/min"
        case Unit.FLAG:
            return "yes" if value else "no"


def clock(at: datetime, zone: tzinfo) -> str:
    """Return a time of day on the clock of a zone: 14:05 CEST."""
    local = at.astimezone(zone)
    return f"{local:%H:%M} {local.tzname()}"


def appointment(fact: Scalar, zone: str) -> str:
    """Return an ISO time as people note it down, on the clock of a zone: Tue 3 Mar 2026, 10:00 CET."""
    from zoneinfo import ZoneInfo

    local = datetime.fromisoformat(str(fact)).astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}, {clock(local, local.tzinfo or UTC)}"


def moment(fact: Scalar, *, since: datetime) -> str:
    """Return an event's time in UTC, 19:54:17Z; with its date where that is not the date of `since`."""
    try:
        at = datetime.fromisoformat(str(fact)).astimezone(UTC)
    except ValueError:
        return str(fact)
    same_day = at.date() == since.astimezone(UTC).date()
    return f"{at:%H:%M:%SZ}" if same_day else f"{at:%Y-%m-%d %H:%M:%SZ}"


def person(by: Scalar) -> str:
    """Return who it was: alice (Slack) for ``slack:U01 (alice)``; who is named by nothing else stays so."""
    found = re.fullmatch(r"(\w+):(\S+)(?: \((.+)\))?", str(by))
    if found is None or found[1] not in _SOURCES:
        return str(by)
    return f"{found[3] or found[2]} ({_SOURCES[found[1]]})"
