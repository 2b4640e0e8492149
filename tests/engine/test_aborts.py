"""A person says no: nothing more is changed, and what was added is taken back."""

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.engine.joining import Said
from tests.engine.world import BAD, CHECKOUT, GOOD, HUNGRY, RAISED, World, a_service, an_alert
from tests.fakes.records import Moment

ABORTED = (Outcome.ABORTED, Reason.ABORTED_BY_PERSON)


def alerted(world: World, signal: Signal = Signal.ERROR_RATE, value: float = 0.25) -> str:
    world.story()
    [answer] = world.send(an_alert(signal, value, at=world.now))
    return answer.response_id


def replicas(world: World) -> int:
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    return found.replicas


def test_a_no_while_it_assesses_changes_nothing() -> None:
    world = World()
    world.blind = True
    response_id = alerted(world)
    world.run(until=lambda: "unclear" in world.codes(response_id))
    assert world.response(response_id).phase == Step.ASSESS
    assert world.say(response_id, "abort") is Said.TAKEN
    assert world.ended(response_id) == ABORTED
    assert world.workloads.applied == []
    assert world.record().live is None


def test_a_no_that_meets_the_intent_stops_it() -> None:
    world = World()
    response_id = alerted(world)
    world.interrupt("records.commit", Moment.BEFORE, lambda: world.say(response_id, "abort"))
    assert world.ended(response_id) == ABORTED
    assert world.workloads.applied == []


def test_a_no_in_the_veto_window_changes_nothing() -> None:
    world = World(readings={BAD: RAISED})
    response_id = alerted(world, value=0.08)
    world.run_to(response_id, Step.HOLD)
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert world.workloads.applied == []


def test_a_no_to_the_question_changes_nothing() -> None:
    world = World([a_service(mode=Mode.APPROVE)])
    response_id = alerted(world)
    world.run_to(response_id, Step.APPROVE)
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert world.workloads.applied == []


@pytest.mark.parametrize("autoscaled", [False, True])
def test_a_no_while_capacity_settles_takes_it_back(autoscaled: bool) -> None:
    world = World(readings={BAD: HUNGRY})
    response_id = alerted(world, Signal.CPU_USAGE, 0.97)
    if autoscaled:
        world.workloads.autoscale(CHECKOUT, minimum=3, maximum=4)
    world.run_to(response_id, Step.SETTLE)
    assert len(world.workloads.applied) == 1
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert world.rollbacks() == 0
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 3
    if autoscaled:
        assert found.autoscaler is not None
        assert (found.autoscaler.minimum, found.autoscaler.maximum) == (3, 4)
    assert "capacity_taken_back" in world.codes(response_id)


def test_a_no_leaves_capacity_alone_that_someone_else_has_changed() -> None:
    world = World(readings={BAD: HUNGRY})
    response_id = alerted(world, Signal.CPU_USAGE, 0.97)
    world.run_to(response_id, Step.SETTLE)
    world.workloads.resize(CHECKOUT, 9)
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert replicas(world) == 9
    assert "capacity_left_alone" in world.codes(response_id)


def test_a_no_after_the_rollback_stops_the_verification() -> None:
    world = World()
    world.health.broken["http://checkout/health"] = "503"
    response_id = alerted(world)
    world.run_to(response_id, Step.VERIFY)
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert (world.image(), world.rollbacks()) == (GOOD, 1)
    assert world.record().restored is not None


def test_a_no_while_it_is_watched_takes_extra_capacity_back() -> None:
    world = World(readings={BAD: HUNGRY})
    response_id = alerted(world, Signal.CPU_USAGE, 0.97)
    world.run_to(response_id, Step.STABILISE)
    assert replicas(world) == 5
    world.say(response_id, "abort")
    assert world.ended(response_id) == ABORTED
    assert replicas(world) == 3


def test_a_no_while_capacity_is_waiting_to_be_taken_back_does_not_leave_it_behind() -> None:
    world = World(readings={BAD: HUNGRY})
    response_id = alerted(world, Signal.CPU_USAGE, 0.97)
    world.run_to(response_id, Step.STABILISE)
    world.door.freezer.freeze("global", by="bob")
    world.run(until=lambda: world.response(response_id).delay is Reason.FREEZE)
    assert world.response(response_id).phase == Step.RESTORE
    world.say(response_id, "abort")
    world.run(until=lambda: not world.queue.sent)
    world.door.freezer.thaw("global")
    assert world.ended(response_id)[0] == Outcome.COMPLETED
    assert replicas(world) == 3


def test_a_no_is_kept_with_who_said_it() -> None:
    world = World(readings={BAD: RAISED})
    response_id = alerted(world, value=0.08)
    world.run_to(response_id, Step.HOLD)
    world.say(response_id, "abort")
    assert world.say(response_id, "abort") is Said.REPEATED
    world.run()
    [said] = [event for event in world.events(response_id) if event.code == "abort"]
    assert said.by == "alice"
    assert "alice" in world.response(response_id).detail
    assert world.say(response_id, "abort") is Said.ENDED
    assert world.say("20260101-000000-nobody", "abort") is Said.UNKNOWN
