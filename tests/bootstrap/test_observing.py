"""What is counted of a story, and that nothing is counted that was not stored."""

import logging
from datetime import timedelta

import pytest

from shared.adapters.checks import table
from shared.bootstrap.observing import OVERDUE, ObservedRecords
from shared.domain import metrics
from shared.domain.response import Task
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.engine.hands import LEASE
from shared.errors import PermanentError, TemporaryError
from shared.ports import Versioned
from tests.engine.world import BROKEN, GOOD, Killed, World, a_service, an_alert
from tests.fakes.metrics import FakeMetrics
from tests.fakes.records import FakeRecords, Moment


def alerted(world: World, signal: Signal = Signal.ERROR_RATE, value: float = 0.25) -> str:
    world.story()
    [answer] = world.send(an_alert(signal, value, at=world.now))
    return answer.response_id


def test_a_rollback_that_holds_is_counted_once_from_end_to_end() -> None:
    world = World()
    response_id = alerted(world)
    world.ended(response_id)

    assert world.metrics.of(metrics.ENDED) == [("completed",)]
    assert world.metrics.of(metrics.VERDICTS) == [("verify", "passed"), ("stabilise", "passed")]
    [seconds] = [m.value for m in world.metrics.measures if m.metric is metrics.ROLLED_BACK]
    rolled_back = next(e for e in world.records.events(response_id) if e.code == "rolled_back")
    started = world.response(response_id).started_at
    assert seconds == (rolled_back.at - started).total_seconds()
    assert world.metrics.of(metrics.TAKEOVERS) == []


def test_the_rows_that_matched_last_are_the_decisions() -> None:
    world = World()
    response_id = alerted(world)
    world.ended(response_id)

    matched = [verdict.row for verdict in world.response(response_id).decision.matched]
    assert matched
    assert world.metrics.of(metrics.DECISIONS) == [(row,) for row in matched]


def test_a_guardrail_that_has_a_person_asked_is_counted() -> None:
    world = World([a_service(mode=Mode.APPROVE)])
    response_id = alerted(world)
    world.run(until=lambda: "asked" in world.codes(response_id))

    assert ("mode_approve",) in world.metrics.of(metrics.GUARDRAILS)


def test_a_guardrail_that_refuses_is_counted() -> None:
    world = World([a_service(mode=Mode.OBSERVE)])
    world.ended(alerted(world))

    assert world.metrics.of(metrics.GUARDRAILS) == [("mode_observe",)]
    assert world.metrics.of(metrics.ENDED) == [("refused",)]


def test_a_rollback_that_does_not_help_is_a_failed_verdict() -> None:
    world = World()
    response_id = alerted(world)
    world.run(until=lambda: "rolled_back" in world.codes(response_id))
    world.shop.readings[GOOD] = BROKEN
    world.ended(response_id)

    assert world.metrics.of(metrics.VERDICTS)[-1] == ("stabilise", "failed")


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_worker_that_dies_at_a_commit_has_every_event_counted_at_most_once(nth: int) -> None:
    world = World()
    response_id = alerted(world)

    def die() -> None:
        raise Killed

    world.interrupt("records.commit", Moment.BEFORE, die, nth=nth)
    with pytest.raises(Killed):
        world.run()
    world.restart()
    world.ended(response_id)

    assert world.metrics.of(metrics.ENDED) == [("completed",)]
    assert len(world.metrics.of(metrics.ROLLED_BACK)) == 1
    assert len(world.metrics.of(metrics.TAKEOVERS)) == world.codes(response_id).count("taken_over")


def test_a_commit_that_was_lost_counts_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.story()
    world.records.lose("workload")
    with caplog.at_level(logging.INFO, logger="backout.response"):
        [answer] = world.send(an_alert(at=world.now))

    told = [record for record in caplog.records if record.name == "backout.response"]
    assert [record.__dict__["response"] for record in told] == [answer.response_id]


def test_a_task_that_is_given_up_is_counted_and_one_that_is_done_is_not() -> None:
    world = World()
    world.people.fails(1, PermanentError("no such channel"))
    world.ended(alerted(world))

    assert world.metrics.of(metrics.GIVEN_UP_TASKS) == [("tell",)]


def test_a_response_whose_message_was_lost_is_a_find_of_the_sweep_counted_once() -> None:
    world = World(local=False)
    world.queue.lossy = True
    alerted(world)
    records = world.door.records
    assert records.due(world.now)
    assert world.metrics.of(metrics.SWEPT) == []

    late = world.now + OVERDUE
    records.due(late)
    records.due(late + timedelta(seconds=1))
    assert len(world.metrics.of(metrics.SWEPT)) == 1


def test_a_look_of_the_doctor_counts_nothing_and_has_nothing_counted_twice() -> None:
    world = World(local=False)
    world.queue.lossy = True
    alerted(world)
    records, late = world.door.records, world.now + OVERDUE
    table.check(records, late)
    assert world.metrics.of(metrics.SWEPT) == []

    records.due(late)
    table.check(records, late)
    records.due(late)
    assert len(world.metrics.of(metrics.SWEPT)) == 1


def test_a_task_that_is_due_is_no_find() -> None:
    kept, records = FakeMetrics(), FakeRecords()
    observed = ObservedRecords(records, kept)
    now = World().now
    observed.put_task(Versioned(Task("r1", "tell#1", "tell", now, created_at=now), 0))

    assert len(observed.due(now + LEASE)) == 1
    assert kept.measures == []


def test_a_table_that_is_away_is_told_as_ever() -> None:
    records = FakeRecords()
    records.away = True
    with pytest.raises(TemporaryError):
        ObservedRecords(records, FakeMetrics()).due(World().now)
