"""The main job, whole, on fakes: an alert rolls a bad deploy back once, and the record proves it."""

from datetime import timedelta

from shared.domain.reasons import Reason
from shared.domain.response import Outcome
from shared.domain.signals import Signal
from shared.engine.accepting import Acceptance
from tests.engine.world import BAD, CHECKOUT, GOOD, HUNGRY, RAISED, World, an_alert


def test_an_alert_rolls_a_bad_deploy_back_once() -> None:
    world = World()
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    assert answer.outcome is Acceptance.CREATED
    world.run(until=lambda: bool(world.workloads.applied))
    world.send(an_alert(at=world.response(answer.response_id).started_at, firing=False))
    world.run()
    response = world.response(answer.response_id)
    assert (response.phase, response.reason) == (Outcome.COMPLETED, Reason.HELD)
    assert world.image() == GOOD
    assert world.rollbacks() == 1
    codes = world.codes(response.id)
    assert codes[:4] == ["accepted", "assessed", "intended", "rolled_back"]
    assert codes[-2:] == ["held", "ended"]


def test_within_five_minutes_holds_for_a_veto_and_acts_before_the_deadline() -> None:
    world = World(readings={BAD: RAISED})
    world.story()
    [answer] = world.send(an_alert(value=0.08, at=world.now))
    accepted_at = world.now
    world.run(until=lambda: bool(world.workloads.applied))
    assert timedelta(minutes=2) < world.now - accepted_at <= timedelta(minutes=4)
    world.run()
    assert world.response(answer.response_id).phase == Outcome.COMPLETED
    assert world.rollbacks() == 1


def test_scale_first_adds_capacity_and_rolls_back_only_when_that_does_not_help() -> None:
    world = World(readings={BAD: HUNGRY})
    world.story()
    [answer] = world.send(an_alert(Signal.CPU_USAGE, 0.97, at=world.now))
    world.run()
    response = world.response(answer.response_id)
    assert response.phase == Outcome.COMPLETED, world.codes(response.id)
    assert world.rollbacks() == 1
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 3
    codes = world.codes(response.id)
    assert codes.index("scaled") < codes.index("not_settled") < codes.index("rolled_back")
    assert codes.index("rolled_back") < codes.index("capacity_taken_back")
