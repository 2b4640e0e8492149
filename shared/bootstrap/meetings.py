"""Meetings: what the configuration names becomes who is invited, and the adapter that invites."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from shared.bootstrap.channels import zone_of
from shared.domain.meetings import SEARCHED, Attendance
from shared.errors import ConfigurationError
from shared.settings import Secrets, Settings, model

if TYPE_CHECKING:
    from shared.adapters.meetings.google_calendar import GoogleCalendar
    from shared.adapters.meetings.smtp import Server
    from shared.ports import Meetings


def invited(settings: Settings) -> Collection[str]:
    """Return the teams that are invited to meetings."""
    if settings.meetings is None:
        return frozenset()
    return frozenset(name for name, team in settings.teams.items() if team.attendees)


def attendance(settings: Settings, team: str, now: datetime) -> Attendance:
    """Return who of a team is invited and when it works, with the holidays of its file that may matter."""
    configured, known = settings.meetings, settings.teams.get(team)
    if configured is None or known is None or not known.attendees:
        raise ConfigurationError(f"teams.{team}.meeting.attendees: nobody is invited any more")
    hours = replace(known.hours, zone=zone_of(settings, team))
    if known.holidays_file:
        from shared.adapters.meetings import holidays

        days = holidays.read(
            known.holidays_file, since=now.date(), until=(now + SEARCHED + timedelta(days=2)).date()
        )
        hours = replace(hours, holidays=hours.holidays | days)
    return Attendance(known.attendees, hours, configured.length)


def meetings_of(settings: Settings, secrets: Secrets) -> "Meetings":
    """Return what sends invitations; one that sends none where nothing is configured."""
    configured = settings.meetings
    if configured is None:
        from shared.adapters.unconfigured import NoMeetings

        return NoMeetings()
    match configured.by:
        case model.Smtp() as smtp:
            from shared.adapters.meetings.smtp import SmtpMeetings

            return SmtpMeetings(server_of(smtp, secrets), configured.sender)
        case model.Ses(region=region):
            from shared.adapters.meetings import ses

            return ses.SesMeetings(configured.sender, partial(ses.make_client, region))
        case model.GoogleCalendar() as google:
            return calendar_of(google, secrets)


def server_of(smtp: model.Smtp, secrets: Secrets) -> "Server":
    """Return a mail server as the adapter takes it, with its password."""
    from shared.adapters.meetings.smtp import Server

    password = secrets.value(smtp.password) if smtp.password else ""
    return Server(smtp.host, smtp.port, smtp.tls, smtp.user, password)


def calendar_of(google: model.GoogleCalendar, secrets: Secrets) -> "GoogleCalendar":
    """Return a calendar as the adapter takes it, with the key of its account."""
    from shared.adapters.meetings.google_calendar import GoogleCalendar

    return GoogleCalendar(google.url, google.calendar, secrets.value(google.key), google.subject)
