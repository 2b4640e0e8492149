"""What a response owes: tried again, given up in the end, and never in the way of the rollback."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Task
from shared.engine.hands import LEASE
from shared.engine.tasks import MOST_ATTEMPTS
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import Versioned
from tests.engine.world import Killed, World, an_alert
from tests.fakes.records import Moment

HELD = (Outcome.COMPLETED, Reason.HELD)


def alerted(world: World) -> str:
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    return answer.response_id


def messages(world: World, response_id: str) -> list[Task]:
    return [t for t in world.records.tasks(response_id) if t.kind == "tell"]


def test_people_who_cannot_be_reached_never_delay_the_rollback() -> None:
    world = World()
    world.people.fails(1000)
    response_id = alerted(world)
    began_at = world.now
    world.run(until=lambda: world.rollbacks() == 1)
    assert world.now == began_at
    assert world.ended(response_id) == HELD


def test_a_message_is_tried_again_with_growing_pauses() -> None:
    world = World()
    world.people.fails(5)
    response_id = alerted(world)
    attempts = []

    def hook(name: str, moment: Moment) -> None:
        if (name, moment) == ("people.tell", Moment.BEFORE):
            attempts.append(world.now)

    world.calls.on_call = hook
    world.run()
    pauses = [later - earlier for earlier, later in itertools.pairwise(attempts[:6])]
    assert pauses == sorted(pauses)
    assert pauses[0] >= timedelta(seconds=2)
    assert all(t.result.startswith("told") for t in messages(world, response_id))
    assert len(world.people.told) == len(messages(world, response_id))


def test_a_message_is_given_up_after_nearly_three_hours() -> None:
    world = World()
    world.people.fails(MOST_ATTEMPTS)
    response_id = alerted(world)
    world.run(limit=timedelta(days=1))
    first, *others = messages(world, response_id)
    assert first.created_at is not None
    assert first.ended_at is not None
    assert timedelta(hours=2, minutes=30) < first.ended_at - first.created_at < timedelta(hours=3)
    assert first.attempts == MOST_ATTEMPTS
    assert first.due_at is None
    assert first.result == f"given up after {MOST_ATTEMPTS} attempts: nobody answers"
    assert others
    assert all(t.result.startswith("told") for t in others)


def test_a_message_seldom_looks_whether_one_before_it_that_fails_for_long_has_gone_out() -> None:
    world = World()
    world.people.fails(16, TemporaryError("the channel is away", reason=Reason.INTERNAL))
    response_id = alerted(world)
    looks: list[str] = []

    def count(name: str, moment: Moment) -> None:
        if (name, moment) == ("records.put_task", Moment.BEFORE):
            looks.append(name)

    world.calls.on_call = count
    began_at = world.now
    assert world.ended(response_id) == HELD
    waited, waiting = world.now - began_at, len(messages(world, response_id))
    assert waited > timedelta(hours=1)
    assert len(looks) < 3 * waiting * waited / timedelta(seconds=15)


def test_a_secret_that_is_missing_for_a_while_is_told_and_outlasted() -> None:
    world = World()
    world.people.fails(1, ConfigurationError("SSM knows no /backout/slack"))
    response_id = alerted(world)
    world.run(until=lambda: any(task.attempts for task in messages(world, response_id)))
    assert messages(world, response_id)[0].result == "attempt 1: SSM knows no /backout/slack"
    assert world.ended(response_id) == HELD
    assert all(task.result.startswith("told: ") for task in messages(world, response_id))


def test_a_message_that_is_refused_is_given_up_at_once() -> None:
    world = World()
    world.people.fails(1, PermanentError("the channel is archived"))
    response_id = alerted(world)
    world.run()
    first = messages(world, response_id)[0]
    assert (first.attempts, first.result) == (1, "given up: the channel is archived")


def test_the_attempt_is_stored_before_the_message_goes_out() -> None:
    world = World()
    response_id = alerted(world)
    seen: list[int] = []

    def look() -> None:
        seen.extend(t.attempts for t in messages(world, response_id))

    world.interrupt("people.tell", Moment.BEFORE, look)
    world.run()
    assert seen[0] == 1


@pytest.mark.parametrize("moment", list(Moment))
def test_a_crash_around_the_message_sends_it_at_most_once_more(moment: Moment) -> None:
    world = World()
    response_id = alerted(world)

    def die() -> None:
        raise Killed

    world.interrupt("people.tell", moment, die)
    with pytest.raises(Killed):
        world.run()
    world.restart()
    assert world.ended(response_id) == HELD
    titles = world.people.titles
    first = messages(world, response_id)[0]
    assert first.attempts == 2
    assert first.result.startswith("told")
    assert titles.count(titles[0]) == (1 if moment is Moment.BEFORE else 2)


def test_a_message_that_kills_its_workers_is_given_up() -> None:
    world = World()
    response_id = alerted(world)
    first_title: list[str] = []

    def hook(name: str, moment: Moment) -> None:
        if (name, moment) == ("people.tell", Moment.BEFORE) and not world.people.told:
            first_title.append(name)
            raise Killed

    world.calls.on_call = hook
    for _ in range(40):
        try:
            world.run()
            break
        except Killed:
            world.restart()
            world.sleep(seconds=LEASE.total_seconds())
    first = messages(world, response_id)[0]
    assert len(first_title) >= MOST_ATTEMPTS
    assert first.attempts == MOST_ATTEMPTS
    assert first.due_at is None
    assert first.result.startswith("given up")


def test_a_task_of_a_kind_that_nobody_knows_is_given_up() -> None:
    world = World()
    response_id = alerted(world)
    task = Task(response_id, "dance", "dance", world.now, created_at=world.now)
    assert world.records.put_task(Versioned(task, 0))
    world.run()
    kept = world.records.task(response_id, "dance")
    assert kept is not None
    assert (kept.value.due_at, kept.value.result) == (None, "given up: no task kind dance")


def test_the_team_hears_once_of_a_task_that_was_given_up_but_not_of_a_message() -> None:
    world = World()
    world.people.fails(1, PermanentError("the channel is archived"))
    response_id = alerted(world)
    task = Task(response_id, "dance", "dance", world.now, created_at=world.now)
    assert world.records.put_task(Versioned(task, 0))
    world.run()
    told = [message.title for message in world.people.told if message.code == "task_given_up"]
    assert told == ["checkout: given up, a person has to: dance"]


@pytest.mark.parametrize("moment", list(Moment))
def test_a_crash_while_a_task_is_given_up_has_the_team_hear_of_it_once(moment: Moment) -> None:
    world = World()
    response_id = alerted(world)
    task = Task(response_id, "dance", "dance", world.now, created_at=world.now)
    assert world.records.put_task(Versioned(task, 0))

    def die() -> None:
        raise Killed

    world.interrupt("records.put_task", moment, die, nth=2)
    with pytest.raises(Killed):
        world.engine.tasks.run(response_id, "dance")
    world.restart()
    world.run()
    assert world.people.titles.count("checkout: given up, a person has to: dance") == 1


def test_a_task_that_two_workers_find_is_run_by_one() -> None:
    world = World()
    response_id = alerted(world)
    world.run(until=lambda: bool(messages(world, response_id)))
    world.run()
    delivered = len(world.people.told)
    first = world.records.task(response_id, messages(world, response_id)[0].name)
    assert first is not None
    again = replace(first.value, due_at=world.now, attempts=0, result="")
    assert world.records.put_task(Versioned(again, first.version))
    name = first.value.name
    world.interrupt("records.put_task", Moment.BEFORE, lambda: world.engine.tasks.run(response_id, name))
    world.engine.tasks.run(response_id, name)
    assert len(world.people.told) == delivered + 1


def test_a_task_whose_end_cannot_be_stored_is_found_again() -> None:
    world = World()
    response_id = alerted(world)

    def fail() -> None:
        raise TemporaryError("the table is away", reason=Reason.INTERNAL)

    world.interrupt(
        "people.tell", Moment.AFTER, lambda: world.interrupt("records.put_task", Moment.BEFORE, fail)
    )
    assert world.ended(response_id) == HELD
    assert all(t.due_at is None for t in messages(world, response_id))
