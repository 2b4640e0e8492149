"""The veto window of "rollback within 5 min"."""

from datetime import timedelta

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.signals import Signal
from tests.engine.world import BAD, BROKEN, GOOD, HEALTHY, RAISED, World, a_service, an_alert

SLOWER = {**HEALTHY, Signal.LATENCY_P95: 0.2}


def holding(**fields: object) -> tuple[World, str]:
    world = World([a_service(**fields)], readings={BAD: RAISED})
    world.story()
    [answer] = world.send(an_alert(value=0.08, at=world.now))
    world.run_to(answer.response_id, Step.HOLD)
    return world, answer.response_id


def test_people_are_told_at_once() -> None:
    world, _ = holding()
    world.run(limit=timedelta(seconds=5))
    assert "unless someone says no" in world.people.titles[0]
    assert world.workloads.applied == []


def test_an_error_rate_that_becomes_high_ends_the_window() -> None:
    world, response_id = holding()
    world.shop.readings[BAD] = BROKEN
    began_at = world.now
    world.run(until=lambda: world.rollbacks() == 1)
    assert world.now - began_at <= timedelta(seconds=30)
    assert "more_urgent" in world.codes(response_id)


def test_a_service_that_recovers_for_a_whole_window_is_left_alone() -> None:
    world, response_id = holding()
    world.override = dict(HEALTHY)
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    assert world.workloads.applied == []


def test_a_service_that_recovers_only_for_a_moment_is_rolled_back() -> None:
    world, response_id = holding()
    world.override = dict(HEALTHY)
    world.run(limit=timedelta(seconds=45))
    world.override = {}
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert world.image() == GOOD


def test_signals_that_are_away_at_its_end_are_put_to_a_person() -> None:
    world, response_id = holding()
    world.blind = True
    world.run_to(response_id, Step.APPROVE)
    assert world.response(response_id).asks == (Reason.LIVE_UNKNOWN,)
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
    assert world.workloads.applied == []


def test_it_acts_before_the_deadline_however_late_it_began() -> None:
    world = World(readings={BAD: RAISED})
    world.story()
    world.blind = True
    accepted_at = world.now
    [answer] = world.send(an_alert(value=0.08, at=accepted_at))
    world.run(limit=timedelta(seconds=100))
    world.blind = False
    world.run(until=lambda: world.rollbacks() == 1)
    assert timedelta(minutes=2) < world.now - accepted_at <= timedelta(minutes=4)
    assert world.response(answer.response_id).acted


def test_a_latency_that_has_doubled_since_the_rollout_is_a_regression() -> None:
    world = World(readings={BAD: SLOWER})
    world.story()
    [answer] = world.send(an_alert(Signal.LATENCY_REGRESSION, 1.5, at=world.now, name="Slower"))
    world.run_to(answer.response_id, Step.HOLD)
    decision = world.response(answer.response_id).decision
    assert [row.row for row in decision.matched] == ["latency_regression"]
    assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert world.image() == GOOD


def test_a_latency_that_was_always_so_is_no_regression() -> None:
    world = World(readings={BAD: SLOWER, GOOD: SLOWER})
    world.story()
    [answer] = world.send(an_alert(Signal.LATENCY_REGRESSION, 1.5, at=world.now, name="Slower"))
    assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    assert world.workloads.applied == []
