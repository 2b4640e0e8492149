"""The contract of invitations by Google Calendar, on its stand-in, and what only its API shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from sandbox.receivers.google_calendar import CALENDAR, SUBJECT, GoogleCalendar
from shared.adapters.meetings import google_calendar
from shared.domain.meetings import Invitation
from shared.domain.reasons import Reason
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from tests.contract.meetings import CANCELLED, INVITATION, MOVED, Held, MeetingsContract, MeetingsWorld


class GoogleWorld(MeetingsWorld):
    def __init__(self, google: GoogleCalendar) -> None:
        self.google = google
        self.meetings = self.connected()

    def connected(
        self, subject: str = SUBJECT, key: str = "", calendar: str = CALENDAR
    ) -> google_calendar.GoogleCalendar:
        google = self.google
        return google_calendar.GoogleCalendar(google.api, calendar, key or google.key, subject)

    def held(self) -> list[Held]:
        return [
            Held(
                datetime.fromisoformat(event["start"]["dateTime"]),
                datetime.fromisoformat(event["end"]["dateTime"]),
                event["summary"],
                event["description"],
                frozenset(attendee["email"] for attendee in event["attendees"]),
            )
            for event in self.google.events.values()
            if event["status"] == "confirmed"
        ]

    def told(self) -> list[str]:
        return [what for what, _ in self.google.told]


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with GoogleCalendar() as google:
        yield GoogleWorld(google)


class TestGoogleCalendar(MeetingsContract):
    @pytest.fixture
    def world(self, world: GoogleWorld) -> GoogleWorld:
        return world


def test_nobody_is_told_the_same_twice(world: GoogleWorld) -> None:
    for each in (INVITATION, INVITATION, MOVED, MOVED, replace(CANCELLED, sequence=2), INVITATION):
        world.meetings.send(each)

    assert world.told() == ["invited", "changed", "cancelled"]


@pytest.mark.parametrize("invitation", [INVITATION, MOVED, CANCELLED], ids=["made", "moved", "cancelled"])
def test_a_change_whose_answer_was_lost_is_made_once(world: GoogleWorld, invitation: Invitation) -> None:
    if invitation is not INVITATION:
        world.meetings.send(INVITATION)
    before = len(world.told())
    world.google.lose_next_change()

    with pytest.raises(TemporaryError):
        world.meetings.send(invitation)
    world.meetings.send(invitation)

    assert len(world.told()) == before + 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_calendar_that_is_away_is_asked_again_later(world: GoogleWorld, status: int) -> None:
    world.google.fail(status=status, retry_after=7, path="/calendar")

    with pytest.raises(TemporaryError) as away:
        world.meetings.send(INVITATION)

    assert away.value.retry_after == 7


def test_an_account_that_acts_as_nobody_is_told_what_it_lacks(world: GoogleWorld) -> None:
    with pytest.raises(PermanentError, match=r"domain-wide delegation.*meetings\.google\.subject") as refused:
        world.connected(subject="").send(INVITATION)

    assert refused.value.reason is Reason.FORBIDDEN
    assert world.google.events == {}


def test_a_user_whom_it_may_not_act_as_is_refused(world: GoogleWorld) -> None:
    world.google.delegated = False

    with pytest.raises(PermanentError, match="unauthorized_client"):
        world.meetings.send(INVITATION)


def test_a_calendar_that_there_is_not_is_refused(world: GoogleWorld) -> None:
    with pytest.raises(PermanentError, match="404"):
        world.connected(calendar="nobody@example.com").send(INVITATION)


def test_a_key_that_google_does_not_know_is_refused_and_not_shown(world: GoogleWorld) -> None:
    with GoogleCalendar() as other:
        key = other.key.replace(other.url, world.google.url)
    with pytest.raises(PermanentError, match="invalid_grant") as refused:
        world.connected(key=key).send(INVITATION)

    assert "PRIVATE" not in str(refused.value)


@pytest.mark.parametrize("key", ["", "{}", "s3cret", '{"client_email": "a@b.c", "private_key": "s3cret"}'])
def test_a_key_that_is_none_is_a_matter_of_the_configuration(world: GoogleWorld, key: str) -> None:
    meetings = google_calendar.GoogleCalendar(world.google.api, CALENDAR, key, SUBJECT)

    with pytest.raises(ConfigurationError, match=r"meetings\.google\.key") as wrong:
        meetings.send(INVITATION)

    assert "s3cret" not in str(wrong.value)


def test_the_doctor_reads_the_calendar_and_changes_nothing(world: GoogleWorld) -> None:
    world.connected().look()

    assert world.google.told == []
    with pytest.raises(PermanentError):
        world.connected(calendar="nobody@example.com").look()
