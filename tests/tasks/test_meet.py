"""A team is invited once after a rollback, the meeting follows people's words, and what fails is told."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain import meetings
from shared.domain.meetings import Hours, Standing
from shared.domain.response import Outcome, Wanted
from shared.engine.joining import Said
from shared.errors import PermanentError, TemporaryError
from tests.engine.world import INVITES, WORKING, Killed, World, a_service, an_alert
from tests.fakes.records import Moment

FIRST = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)  # 09:00 in Berlin; the world's rollback is at 03:02 UTC
IDLE = Hours(WORKING.zone, days=frozenset())


def rolled_back(hours: Hours = WORKING) -> tuple[World, str]:
    world = World([a_service(team="shop")], invites=INVITES, hours=hours)
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    return world, answer.response_id


def invited() -> tuple[World, str]:
    world, response_id = rolled_back()
    world.ended(response_id)
    return world, response_id


def lines(world: World) -> list[str]:
    """Return all that people were told, line by line."""
    return [line for message in world.people.told for line in message.lines]


def standing(world: World, response_id: str) -> Standing:
    found = meetings.meeting(world.records.tasks(response_id))
    assert found is not None
    return found.standing


def say(world: World, response_id: str, verb: str, at: datetime | None = None) -> Said:
    question = at.isoformat() if at else None
    said = world.door.listener.say(response_id, verb, by="alice", question=question)
    world.run()
    return said


def again(world: World) -> str:
    """Have a second response roll the workload back."""
    world.sleep(minutes=20)
    world.deploy("shop:1.4.3")
    world.shop.readings["shop:1.4.3"] = world.shop.readings["shop:1.4.2"]
    world.sleep(minutes=2)
    [answer] = world.send(an_alert(at=world.now))
    assert world.ended(answer.response_id)[0] == Outcome.COMPLETED
    return answer.response_id


def test_a_team_is_invited_after_a_rollback_for_its_next_working_hour() -> None:
    world, response_id = rolled_back()
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    [invitation] = world.meetings.sent
    assert (invitation.at, invitation.length) == (FIRST, timedelta(hours=1))
    assert (invitation.sequence, invitation.attendees) == (0, ("ann@example.com",))
    assert "rolled back from revision 2 (shop:1.4.2) to 1 (shop:1.4.1)" in invitation.text
    assert "on Tue 3 Mar 2026, 09:00 CET" in invitation.text
    assert f"backout report {response_id}" in invitation.text
    assert standing(world, response_id) is Standing.INVITED
    told = "checkout: the team is invited to find the root cause: Tue 3 Mar 2026, 09:00 CET"
    assert world.people.titles.count(told) == 1


def test_nobody_is_invited_where_nothing_was_done() -> None:
    world = World([a_service(team="shop")], invites=INVITES)
    world.story()
    world.ended(world.order(Wanted.ASSESS).response_id)
    assert world.meetings.sent == []


@pytest.mark.parametrize("team", ["", "other"])
def test_a_team_that_is_not_invited_is_asked_to_meet(team: str) -> None:
    world = World([a_service(team=team)], invites=INVITES)
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.ended(answer.response_id)
    assert world.meetings.sent == []
    assert any("Schedule the meeting" in line for line in lines(world))


def test_without_a_working_hour_the_team_is_asked_and_it_is_recorded() -> None:
    world, response_id = rolled_back(IDLE)
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert world.meetings.sent == []
    assert standing(world, response_id) is Standing.YOURS
    [task] = [t for t in world.records.tasks(response_id) if t.kind == meetings.MEET]
    assert "no_working_hour" in task.result
    assert "checkout: schedule the meeting to find the root cause yourself" in world.people.titles


def test_a_mail_server_that_is_away_is_asked_until_the_invitation_would_come_too_late() -> None:
    world, response_id = rolled_back()
    world.meetings.errors = [TemporaryError("the mail server is away")] * 5
    world.run(until=lambda: len(world.meetings.errors) == 3)
    [sending] = [t for t in world.records.tasks(response_id) if t.name.endswith("#send")]
    assert sending.result == "attempt failed: the mail server is away"
    world.ended(response_id)
    [invitation] = world.meetings.sent
    assert invitation.at == FIRST
    assert standing(world, response_id) is Standing.INVITED


def test_one_that_stays_away_is_told_with_the_time_that_was_proposed() -> None:
    world, response_id = rolled_back()
    world.meetings.errors = [TemporaryError("the mail server is away")] * 1000
    world.run(limit=timedelta(hours=5))
    assert world.now > FIRST - timedelta(hours=1)
    assert world.meetings.sent == []
    assert standing(world, response_id) is Standing.YOURS
    title = "schedule the meeting to find the root cause yourself; proposed is Tue 3 Mar 2026, 09:00 CET"
    assert f"checkout: {title}" in world.people.titles
    assert "the mail server is away" in lines(world)


def test_one_that_wants_to_be_left_alone_for_long_is_given_up_in_time_for_the_team_to_meet() -> None:
    world, response_id = rolled_back()
    world.meetings.errors = [TemporaryError("too many requests", retry_after=3500.0)] * 1000
    world.run(limit=timedelta(hours=5))
    assert standing(world, response_id) is Standing.YOURS
    [sending] = [t for t in world.records.tasks(response_id) if t.name.endswith("#send")]
    assert sending.ended_at is not None
    assert sending.ended_at - (FIRST - timedelta(hours=1)) < timedelta(minutes=1)


def test_one_that_refuses_is_told_and_not_asked_again() -> None:
    world, response_id = rolled_back()
    world.meetings.errors = [PermanentError("answered 550 (no such user)")]
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert world.meetings.sent == []
    assert standing(world, response_id) is Standing.YOURS
    assert "answered 550 (no such user)" in lines(world)


def test_who_was_not_taken_is_named() -> None:
    world, response_id = rolled_back()
    world.meetings.refused = ("ann@example.com",)
    world.ended(response_id)
    assert any("tell them yourself: ann@example.com" in line for line in lines(world))


def test_what_was_lost_on_the_way_is_sent_again_unchanged_however_late() -> None:
    world, response_id = rolled_back()

    def lose() -> None:
        world.sleep(hours=3)
        raise TemporaryError("no answer")

    world.interrupt("meetings.send", Moment.AFTER, lose)
    world.ended(response_id)
    first, second = world.meetings.sent
    assert first == second
    assert len(world.meetings.held()) == 1


def test_a_person_moves_it_once_however_often_that_is_said() -> None:
    world, response_id = invited()
    later = FIRST + timedelta(days=1)
    assert say(world, response_id, meetings.MOVE, later) is Said.TAKEN
    assert say(world, response_id, meetings.MOVE, later) is Said.REPEATED
    assert [(each.sequence, each.at) for each in world.meetings.sent] == [(0, FIRST), (1, later)]
    [held] = world.meetings.held().values()
    assert held.at == later
    assert "Wed 4 Mar 2026, 09:00 CET" in held.text
    assert say(world, response_id, meetings.MOVE, FIRST) is Said.TAKEN
    assert world.meetings.sent[-1].sequence == 2


def test_a_person_cancels_it_and_has_it_held_after_all() -> None:
    world, response_id = invited()
    assert say(world, response_id, meetings.CANCEL) is Said.TAKEN
    assert say(world, response_id, meetings.CANCEL) is Said.REPEATED
    assert world.meetings.held() == {}
    assert standing(world, response_id) is Standing.CANCELLED
    assert "checkout: the meeting of Tue 3 Mar 2026, 09:00 CET is cancelled, by alice" in world.people.titles
    say(world, response_id, meetings.MOVE, FIRST)
    assert len(world.meetings.held()) == 1


def test_a_worker_that_dies_while_it_moves_or_cancels_is_succeeded() -> None:
    for verb, at in ((meetings.MOVE, FIRST + timedelta(days=1)), (meetings.CANCEL, None)):
        for moment in Moment:
            world, response_id = invited()
            world.interrupt("meetings.send", moment, lambda: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                say(world, response_id, verb, at)
            world.restart()
            world.sleep(minutes=5)
            world.run()
            assert len(set(world.meetings.sent)) == 2
            assert len(world.meetings.held()) == (1 if at else 0)


def test_a_word_replaces_what_has_not_gone_out_yet() -> None:
    world, response_id = rolled_back()
    world.meetings.errors = [TemporaryError("away")] * 3
    world.run(until=lambda: len(world.meetings.errors) == 2)
    later = FIRST + timedelta(days=1)
    assert say(world, response_id, meetings.MOVE, later) is Said.TAKEN
    assert [(each.sequence, each.at) for each in world.meetings.sent] == [(1, later)]


def test_nothing_is_said_of_the_meeting_of_a_response_that_lives() -> None:
    world, response_id = rolled_back()
    assert world.door.listener.say(response_id, meetings.CANCEL, by="alice") is Said.NOT_ASKED


def test_a_second_rollback_before_the_meeting_invites_nobody_twice() -> None:
    world, response_id = invited()
    second = again(world)
    assert len(world.meetings.sent) == 1
    assert standing(world, second) is Standing.SHARED
    assert (
        f"checkout: the meeting of Tue 3 Mar 2026, 09:00 CET is about this too (response {response_id})"
        in world.people.titles
    )


def test_a_second_rollback_shortly_before_the_meeting_has_one_of_its_own() -> None:
    world, _ = invited()
    world.now = FIRST - timedelta(hours=1)
    again(world)
    assert [each.at for each in world.meetings.sent] == [FIRST, FIRST + timedelta(minutes=90)]


def test_a_second_rollback_after_a_cancelled_meeting_has_one_of_its_own() -> None:
    world, response_id = invited()
    say(world, response_id, meetings.CANCEL)
    again(world)
    assert len(world.meetings.held()) == 1
