"""Recheck: old news that fires on is looked at once its time has come; it never acts."""

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Task
from shared.domain.signals import Reading, Signal
from tests.engine.world import BROKEN, GOOD, World, a_service, an_alert


def rolled_back(**fields: object) -> tuple[World, str]:
    world = World([a_service(**fields)])
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
    world.sleep(minutes=10)
    return world, answer.response_id


def old_news(world: World, response_id: str) -> None:
    began_at = world.response(response_id).started_at
    [answer] = world.send(an_alert(at=began_at))
    assert answer.reason is Reason.STALE


def recheck(world: World, response_id: str) -> Task:
    world.run()
    [task] = [t for t in world.records.tasks(response_id) if t.kind == "recheck"]
    return task


def test_signals_below_their_thresholds_need_nobody() -> None:
    world, response_id = rolled_back()
    told = len(world.people.told)
    old_news(world, response_id)
    assert recheck(world, response_id).result == "the signals are below their thresholds"
    assert len(world.people.told) == told


@pytest.mark.parametrize(
    "reading", [0.3, Reading.unknown("the query has no result")], ids=["breached", "unknown"]
)
def test_a_signal_that_breaches_or_cannot_be_had_calls_a_person(reading: float | Reading) -> None:
    world, response_id = rolled_back()
    world.override = {Signal.ERROR_RATE: reading}
    old_news(world, response_id)
    assert recheck(world, response_id).result.startswith("a person is called")
    assert "still alerting" in world.people.titles[-1]
    assert world.rollbacks() == 1


def test_another_signal_than_the_alerts_may_be_unknown() -> None:
    world, response_id = rolled_back()
    world.override = {Signal.MEMORY_USAGE: Reading.unknown("no such metric")}
    old_news(world, response_id)
    assert recheck(world, response_id).result == "the signals are below their thresholds"


def test_a_service_that_a_new_response_is_at_is_left_to_it() -> None:
    world, response_id = rolled_back()
    world.shop.readings[GOOD] = BROKEN
    old_news(world, response_id)
    [new] = world.send(an_alert(at=world.now, name="Another"))
    [owed] = [t for t in world.records.tasks(response_id) if t.kind == "recheck"]
    world.engine.tasks.run(response_id, owed.name)
    [task] = [t for t in world.records.tasks(response_id) if t.kind == "recheck"]
    assert task.result == f"response {new.response_id} is at it"


def test_several_repeats_in_one_minute_are_one_look() -> None:
    world, response_id = rolled_back()
    for _ in range(3):
        old_news(world, response_id)
    assert recheck(world, response_id).attempts == 1
