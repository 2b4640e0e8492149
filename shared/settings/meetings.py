"""Meetings: when a team works and may be invited, and how invitations are sent, as they are configured."""

from datetime import date, timedelta
from pathlib import Path
from typing import get_args

from shared.domain.meetings import Hours
from shared.settings import schema
from shared.settings.conforming import Problems
from shared.settings.limits import HOUR, MINUTE, shown
from shared.settings.model import GoogleCalendar, Meetings, Ses, Smtp
from shared.settings.shapes import check_id, check_url, time_of_day

_DAYS: tuple[schema.Day, ...] = get_args(schema.Day)
_LONGEST = 8 * HOUR


def hours(said: schema.Team, path: str, problems: Problems) -> Hours:
    """Return when a team works, whatever its zone; no day at all, or hours past midnight, are problems."""
    own = said.working_hours
    days = own.days if own.days is not None else _DAYS[:5]
    if not days:
        problems.append(f"{path}.working_hours.days: expected at least one of {', '.join(_DAYS)}")
    start = time_of_day(own.start, f"{path}.working_hours.from", problems)
    end = time_of_day(own.end, f"{path}.working_hours.to", problems)
    if start >= end:
        problems.append(f"{path}.working_hours: expected `from` before `to`; found {own.start} to {own.end}")
    if said.holidays_file and not Path(said.holidays_file).is_file():
        problems.append(f"{path}.holidays_file: there is no file {said.holidays_file!r}")
    return Hours(
        days=frozenset(map(_DAYS.index, days)),
        start=start,
        end=end,
        holidays=frozenset(_date(d, f"{path}.holidays[{i}]", problems) for i, d in enumerate(said.holidays)),
    )


def attendees(said: schema.Team, path: str, problems: Problems) -> tuple[str, ...]:
    """Return who of a team is invited to meetings."""
    for i, address in enumerate(said.meeting.attendees):
        check_id(address, "mailbox", f"{path}.meeting.attendees[{i}]", problems)
    return tuple(said.meeting.attendees)


def meetings(said: schema.Meetings | None, problems: Problems) -> Meetings | None:
    """Return how teams are invited, None where they are not."""
    if said is None:
        return None
    if not MINUTE <= said.length <= _LONGEST or said.length % MINUTE:
        problems.append(
            f"meetings.length: expected whole minutes up to {shown(_LONGEST)}; found {shown(said.length)}"
        )
    ways = [way for way in (said.smtp, said.ses, said.google) if way is not None]
    if len(ways) != 1:
        problems.append("meetings: expected exactly one of smtp, ses, google")
        return None
    if said.google is None:
        check_id(said.sender, "mailbox", "meetings.from", problems)
    return Meetings(_way(ways[0], problems), said.sender, timedelta(seconds=said.length))


def _way(
    said: schema.Smtp | schema.Ses | schema.GoogleCalendar, problems: Problems
) -> Smtp | Ses | GoogleCalendar:
    if isinstance(said, schema.Ses):
        return Ses(said.region)
    if isinstance(said, schema.GoogleCalendar):
        check_url(said.url, "meetings.google.url", problems)
        return GoogleCalendar(said.calendar, said.key, said.subject, said.url.rstrip("/"))
    if bool(said.user) != bool(said.password):
        problems.append("meetings.smtp: expected `user` and `password` together, or neither")
    if said.password and said.tls == "none":
        problems.append("meetings.smtp.tls: a password is sent by starttls or tls only")
    if not 1 <= said.port <= 65535:
        problems.append(f"meetings.smtp.port: expected 1 to 65535; found {said.port}")
    return Smtp(said.host, said.port, said.tls, said.user, said.password)


def _date(text: str, path: str, problems: Problems) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.append(f"{path}: expected a day, like 2026-12-25; found {text[:20]!r}")
        return date.min
