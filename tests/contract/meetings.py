"""What everything that invites keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import vobject

from shared.domain.meetings import Invitation
from shared.ports import Meetings

AT = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)
ANN, BOB = "ann@example.com", "bob@example.com"
INVITATION = Invitation(
    response_id="20260302-120000-0a1b2c3d",
    sequence=0,
    at=AT,
    length=timedelta(minutes=45),
    attendees=(ANN, BOB),
    summary="Root cause analysis: Gemüse, Obst; Kasse (P0)",
    text="We meet to find the root cause.\n\nIt was rolled back; see\nhistory: https://example.com/?a=1,2",
    said_at=datetime(2026, 3, 2, 12, 5, 17, tzinfo=UTC),
)
MOVED = replace(INVITATION, sequence=1, at=LATER)
CANCELLED = replace(INVITATION, sequence=1, cancelled=True)
OTHER = replace(INVITATION, response_id="20260302-130000-ffffffff")


@dataclass(frozen=True)
class Held:
    """An event as a calendar shows it."""

    at: datetime
    until: datetime
    summary: str
    text: str
    attendees: frozenset[str]

    @classmethod
    def of(cls, invitation: Invitation) -> "Held":
        return cls(
            invitation.at,
            invitation.at + invitation.length,
            invitation.summary,
            invitation.text,
            frozenset(invitation.attendees),
        )


def shown(objects: Iterable[bytes]) -> list[Held]:
    """Return what a calendar shows that took the iCalendar objects in that order (RFC 5546, 2.1.5)."""
    events: dict[str, Any] = {}
    for each in objects:
        whole = vobject.readOne(each.decode())
        event = whole.vevent
        newest = events.get(event.uid.value)
        if newest is None or int(event.sequence.value) >= int(newest.vevent.sequence.value):
            events[event.uid.value] = whole
    found = [whole.vevent for whole in events.values() if whole.method.value == "REQUEST"]
    return [
        Held(
            event.dtstart.value,
            event.dtend.value,
            event.summary.value,
            event.description.value,
            frozenset(attendee.value.removeprefix("mailto:") for attendee in event.attendee_list),
        )
        for event in found
    ]


class MeetingsWorld(ABC):
    """Something that invites, and the calendars of the invited."""

    meetings: Meetings

    @abstractmethod
    def held(self) -> list[Held]:
        """Return the events that the calendars show."""


class MeetingsContract:
    """The suite."""

    def test_people_are_invited(self, world: MeetingsWorld) -> None:
        assert list(world.meetings.send(INVITATION)) == []

        assert world.held() == [Held.of(INVITATION)]

    def test_what_is_sent_twice_is_one_event(self, world: MeetingsWorld) -> None:
        world.meetings.send(INVITATION)
        world.meetings.send(INVITATION)

        assert world.held() == [Held.of(INVITATION)]

    def test_two_responses_have_two_meetings(self, world: MeetingsWorld) -> None:
        world.meetings.send(INVITATION)
        world.meetings.send(OTHER)

        assert len(world.held()) == 2

    def test_a_meeting_is_moved(self, world: MeetingsWorld) -> None:
        world.meetings.send(INVITATION)
        world.meetings.send(MOVED)
        world.meetings.send(MOVED)

        assert world.held() == [Held.of(MOVED)]

    def test_an_older_word_that_comes_late_changes_nothing(self, world: MeetingsWorld) -> None:
        for each in (INVITATION, MOVED, INVITATION):
            world.meetings.send(each)

        assert world.held() == [Held.of(MOVED)]

    def test_a_meeting_is_cancelled(self, world: MeetingsWorld) -> None:
        world.meetings.send(INVITATION)
        world.meetings.send(CANCELLED)
        world.meetings.send(CANCELLED)

        assert world.held() == []

    def test_what_nobody_was_invited_to_can_be_cancelled(self, world: MeetingsWorld) -> None:
        world.meetings.send(CANCELLED)

        assert world.held() == []

    def test_a_cancelled_meeting_is_held_after_all(self, world: MeetingsWorld) -> None:
        for each in (INVITATION, CANCELLED, replace(MOVED, sequence=2)):
            world.meetings.send(each)

        assert world.held() == [Held.of(MOVED)]
