"""Scale first: capacity is added, given time, judged, and taken back whatever comes of it."""

from datetime import timedelta

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.signals import Signal
from shared.domain.workloads import Rollout, RolloutState, WorkloadRef
from tests.engine.world import BAD, BROKEN, CHECKOUT, GOOD, HEALTHY, HUNGRY, World, a_service, an_alert


def alerted(**fields: object) -> tuple[World, str]:
    world = World([a_service(**fields)], readings={BAD: HUNGRY})
    world.story()
    [answer] = world.send(an_alert(Signal.CPU_USAGE, 0.97, at=world.now))
    return world, answer.response_id


def bounds(world: World) -> tuple[int, int]:
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.autoscaler is not None
    return found.autoscaler.minimum, found.autoscaler.maximum


def test_capacity_that_is_enough_is_watched_and_taken_back_and_nothing_is_rolled_back() -> None:
    world, response_id = alerted()
    world.run_to(response_id, Step.SETTLE)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 5
    world.override = {Signal.CPU_USAGE: 0.6}
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.SCALED)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert (found.replicas, world.image(), world.rollbacks()) == (3, BAD, 0)


def test_with_an_autoscaler_its_minimum_is_raised_and_its_bounds_are_put_back() -> None:
    world, response_id = alerted()
    world.workloads.autoscale(CHECKOUT, minimum=2, maximum=4)
    world.run_to(response_id, Step.SETTLE)
    assert bounds(world) == (5, 5)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert (bounds(world), world.image()) == ((2, 4), GOOD)


def test_an_autoscaler_that_someone_else_has_changed_is_left_alone() -> None:
    world, response_id = alerted()
    world.workloads.autoscale(CHECKOUT, minimum=2, maximum=4)
    world.run_to(response_id, Step.SETTLE)
    world.workloads.autoscale(CHECKOUT, minimum=6, maximum=12)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert bounds(world) == (6, 12)
    assert "capacity_left_alone" in world.codes(response_id)


def test_capacity_is_not_judged_before_it_is_there() -> None:
    world, response_id = alerted()
    world.run_to(response_id, Step.SETTLE)
    world.workloads.update(CHECKOUT, rollout=Rollout(RolloutState.PROGRESSING, "waiting for 2 pods"))
    began_at = world.now
    world.run(until=lambda: "not_settled" in world.codes(response_id))
    assert world.now - began_at >= timedelta(seconds=150)


def test_errors_that_come_while_capacity_settles_are_rolled_back_at_once() -> None:
    world, response_id = alerted()
    world.run_to(response_id, Step.SETTLE)
    world.override = {**BROKEN, Signal.CPU_USAGE: 0.97}
    began_at = world.now
    world.run(until=lambda: world.rollbacks() == 1)
    assert world.now - began_at <= timedelta(seconds=30)
    world.override = {}
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 3


def test_after_scaling_every_guardrail_of_a_rollback_is_asked() -> None:
    world, response_id = alerted()
    world.run_to(response_id, Step.SETTLE)
    world.workloads.forget_history(CHECKOUT)
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.NO_CANDIDATE)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert (found.replicas, world.image()) == (3, BAD)


def test_an_old_version_is_scaled_without_asking_and_rolled_back_only_with_a_yes() -> None:
    world = World(readings={BAD: HUNGRY})
    world.story()
    world.sleep(hours=5)
    [answer] = world.send(an_alert(Signal.CPU_USAGE, 0.97, at=world.now))
    world.run_to(answer.response_id, Step.SETTLE)
    assert world.workloads.applied
    world.run_to(answer.response_id, Step.APPROVE)
    assert world.response(answer.response_id).asks == (Reason.NO_RECENT_ROLLOUT,)
    assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert (found.replicas, world.rollbacks()) == (3, 0)


def test_a_workload_that_cannot_have_more_is_assessed_for_a_rollback() -> None:
    daemonset = WorkloadRef("test", "production", "daemonset", "checkout")
    world, response_id = alerted(workload=daemonset)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert "scale_not_possible" in world.codes(response_id)
    assert world.rollbacks(daemonset) == 1


def test_a_version_deployed_while_capacity_settles_ends_it_and_the_capacity_is_taken_back() -> None:
    world, response_id = alerted()
    world.run_to(response_id, Step.SETTLE)
    world.deploy("shop:1.4.3")
    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.SUPERSEDED)
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 3


def test_memory_is_given_capacity_too() -> None:
    world = World(readings={BAD: {**HEALTHY, Signal.MEMORY_USAGE: 0.97}})
    world.story()
    [answer] = world.send(an_alert(Signal.MEMORY_USAGE, 0.97, at=world.now))
    assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
    codes = world.codes(answer.response_id)
    assert codes.index("scaled") < codes.index("rolled_back") < codes.index("capacity_taken_back")
