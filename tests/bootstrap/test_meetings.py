"""What the configuration says of meetings becomes who is invited, when they work, and what invites."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sandbox.receivers.google_calendar import CALENDAR, SUBJECT, GoogleCalendar
from sandbox.receivers.mail import MailServer
from shared.bootstrap import meetings
from shared.errors import ConfigurationError, PermanentError
from shared.settings import Secrets, Settings, parse
from tests.adapters.meetings.test_holidays import CALENDAR as HOLIDAYS
from tests.contract.meetings import INVITATION

NOW = datetime(2026, 12, 20, tzinfo=UTC)
SHOP = "timezone: Europe/Berlin, holidays: [2026-12-24], meeting: {attendees: [ann@example.com]}"


def parsed(by: str, shop: str = SHOP) -> Settings:
    return parse(f"cluster: prod\nmeetings: {{{by}}}\nteams: {{shop: {{{shop}}}, idle: {{}}}}\n")


def mailing(port: int = 587) -> Settings:
    smtp = f'{{host: 127.0.0.1, port: {port}, tls: none, user: "", password: null}}'
    return parsed(f"from: b@example.com, length: 30m, smtp: {smtp}")


def test_invitations_go_to_the_mail_server_that_is_configured() -> None:
    with MailServer() as server:
        meetings.meetings_of(mailing(server.port), Secrets()).send(INVITATION)

    assert server.received[0].message["From"].addresses[0].addr_spec == "b@example.com"


def test_invitations_go_to_the_calendar_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    with GoogleCalendar() as google:
        monkeypatch.setenv("GOOGLE_KEY", google.key)
        said = f'calendar: {CALENDAR}, key: "env:GOOGLE_KEY", subject: {SUBJECT}, url: "{google.api}"'
        meetings.meetings_of(parsed(f"google: {{{said}}}"), Secrets()).send(INVITATION)

    assert len(google.events) == 1


def test_without_a_way_nobody_is_invited() -> None:
    settings = parse(f"cluster: prod\nteams: {{shop: {{{SHOP}}}}}\n")

    assert not meetings.invited(settings)
    with pytest.raises(PermanentError, match="meetings is not configured"):
        meetings.meetings_of(settings, Secrets()).send(INVITATION)


def test_teams_that_name_somebody_are_invited() -> None:
    assert meetings.invited(mailing()) == {"shop"}


def test_a_team_works_on_its_own_clock_but_on_no_holiday_of_its_list_or_file(tmp_path: Path) -> None:
    path = tmp_path / "holidays.ics"
    path.write_bytes(HOLIDAYS.replace("\n", "\r\n").encode())
    settings = parsed("from: b@example.com, length: 30m, ses: {}", f"{SHOP}, holidays_file: {path}")

    found = meetings.attendance(settings, "shop", NOW)

    assert (found.attendees, found.length) == (("ann@example.com",), timedelta(minutes=30))
    assert found.hours.zone == ZoneInfo("Europe/Berlin")
    assert sorted(found.hours.holidays) == [date(2026, 12, day) for day in (24, 25, 28, 29, 30)]


@pytest.mark.parametrize("team", ["idle", "gone"])
def test_a_team_that_names_nobody_any_more_is_a_matter_of_the_configuration(team: str) -> None:
    with pytest.raises(ConfigurationError, match=f"teams.{team}.meeting.attendees"):
        meetings.attendance(mailing(), team, NOW)
