"""Who is invited to meetings, when and how, as it is configured."""

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from shared.domain.meetings import Hours
from shared.errors import ConfigurationError
from shared.settings import SecretRef, Settings, parse
from shared.settings.model import GoogleCalendar, Meetings, Ses, Smtp

TEAM = "meeting: {attendees: [ann@example.com]}"


def parsed(meetings: str = "{from: b@example.com, smtp: {host: mail}}", team: str = TEAM) -> Settings:
    return parse(f"cluster: prod\nmeetings: {meetings}\nteams: {{shop: {{{team}}}}}\n")


def wrong(meetings: str = "{from: b@example.com, smtp: {host: mail}}", team: str = TEAM) -> str:
    with pytest.raises(ConfigurationError) as error:
        parsed(meetings, team)
    return str(error.value)


def test_a_team_says_when_it_works_and_who_is_invited() -> None:
    said = 'working_hours: {days: [sun, mon], from: "08:00", to: "16:30"}, holidays: [2026-12-25]'
    team = parsed(team=f"{said}, {TEAM}").teams["shop"]

    days = frozenset({0, 6})
    hours = Hours(days=days, start=time(8), end=time(16, 30), holidays=frozenset({date(2026, 12, 25)}))
    assert (team.hours, team.attendees) == (hours, ("ann@example.com",))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            '{from: b@a.io, length: 5m, smtp: {host: m, port: 25, tls: tls, user: b, password: "env:P"}}',
            Meetings(Smtp("m", 25, "tls", "b", SecretRef("env:P")), "b@a.io", timedelta(minutes=5)),
        ),
        ("{from: b@example.com, smtp: {host: mail}}", Meetings(Smtp("mail"), "b@example.com")),
        ("{from: b@example.com, ses: {}}", Meetings(Ses(), "b@example.com")),
        ("{from: b@example.com, ses: {region: eu-west-1}}", Meetings(Ses("eu-west-1"), "b@example.com")),
        (
            '{google: {calendar: c@example.com, key: "env:K", subject: s@example.com}}',
            Meetings(GoogleCalendar("c@example.com", SecretRef("env:K"), "s@example.com")),
        ),
    ],
)
def test_invitations_go_by_one_way(said: str, expected: Meetings) -> None:
    assert parsed(said).meetings == expected


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{from: b@example.com}", "exactly one of smtp, ses, google"),
        ("{from: b@example.com, ses: {}, smtp: {host: mail}}", "exactly one of smtp, ses, google"),
        ("{smtp: {host: mail}}", "meetings.from"),
        ("{from: 'b@example.com, c@example.com', ses: {}}", "meetings.from"),
        ("{from: b@example.com, ses: {}, length: 9h}", "meetings.length"),
        ("{from: b@example.com, ses: {}, length: 90s}", "meetings.length"),
        ("{from: b@example.com, smtp: {host: mail, user: b}}", "`user` and `password` together"),
        (
            '{from: b@example.com, smtp: {host: mail, tls: none, user: b, password: "env:P"}}',
            "meetings.smtp.tls",
        ),
        ("{from: b@example.com, smtp: {host: mail, port: 0}}", "meetings.smtp.port"),
        ('{google: {calendar: c, key: "env:K", url: "ftp://x"}}', "meetings.google.url"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_key(said: str, told: str) -> None:
    assert told in wrong(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("working_hours: {days: []}", "working_hours.days"),
        ('working_hours: {from: "17:00", to: "09:00"}', "`from` before `to`"),
        ("working_hours: {from: soon}", "working_hours.from"),
        ("holidays: [Christmas]", "holidays[0]"),
        ("holidays_file: /nowhere/holidays.ics", "holidays_file"),
        ("meeting: {attendees: ['ann@example.com\\r\\nBcc: eve@example.com']}", "meeting.attendees[0]"),
        ('meeting: {attendees: ["ann@example.com\\n"]}', "meeting.attendees[0]"),
        ("meeting: {attendees: ['Ann <ann@example.com>']}", "meeting.attendees[0]"),
        ("meeting: {attendees: ['a,b@example.com']}", "meeting.attendees[0]"),
    ],
)
def test_what_makes_no_sense_of_a_team_is_told_by_its_key(said: str, told: str) -> None:
    assert f"teams.shop.{told}" in wrong(team=said) or told in wrong(team=said)


def test_a_file_of_holidays_is_there(tmp_path: Path) -> None:
    path = tmp_path / "holidays.ics"
    path.touch()

    assert parsed(team=f"holidays_file: {path}, {TEAM}").teams["shop"].holidays_file == str(path)


def test_one_half_without_the_other_is_a_warning() -> None:
    assert any("no team has meeting.attendees" in warning for warning in parsed(team="").warnings)
    alone = parse(f"cluster: prod\nteams: {{shop: {{{TEAM}}}}}\n")
    assert any("nobody is invited" in warning for warning in alone.warnings)
