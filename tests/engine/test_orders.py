"""Orders of people and CI: what they may ask for, what they may override, and what they may not."""

from datetime import timedelta

import pytest

from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step, Wanted
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import Owner, WorkloadRef
from shared.engine.accepting import Acceptance
from tests.engine.world import BAD, BROKEN, CHECKOUT, GOOD, HEALTHY, HUNGRY, World, a_service, an_alert
from tests.fakes.records import Moment

OLDER = "shop:1.4.0"


def a_world(**fields: object) -> World:
    world = World([a_service(**fields)])
    world.story()
    return world


def rollback(world: World, *override: str, key: str = "order-1", **fields: object) -> str:
    answer = world.order(Wanted.ROLLBACK, key=key, override=override, **fields)
    assert answer.outcome in (Acceptance.CREATED, Acceptance.DELAYED), answer
    return answer.response_id


def test_an_order_rolls_back_though_nothing_is_past_a_threshold() -> None:
    world = World(readings={})
    world.story()
    response_id = rollback(world)
    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert (world.image(), world.rollbacks()) == (GOOD, 1)


def test_an_order_needs_no_measurement() -> None:
    world = a_world()
    world.blind = True
    response_id = rollback(world)
    world.run(until=lambda: world.rollbacks() == 1)
    assert world.image() == GOOD
    assert world.ended(response_id) == (Outcome.INCONCLUSIVE, Reason.SIGNALS_UNKNOWN)


def test_an_order_is_its_own_approval() -> None:
    world = a_world(mode=Mode.APPROVE)
    assert world.ended(rollback(world)) == (Outcome.COMPLETED, Reason.HELD)


def test_an_order_sent_twice_is_carried_out_once() -> None:
    world = a_world()
    first = world.order(Wanted.ROLLBACK)
    again = world.order(Wanted.ROLLBACK)
    assert again.repeated
    assert again.response_id == first.response_id
    world.run()
    late = world.order(Wanted.ROLLBACK)
    assert late.repeated
    assert world.rollbacks() == 1


def test_an_order_names_the_revision_by_its_number() -> None:
    world = World()
    world.deploy(OLDER)
    world.sleep(days=1)
    world.story()
    response_id = rollback(world, to_revision=1)
    world.run(until=lambda: world.rollbacks() == 1)
    assert world.image() == OLDER
    choice = world.response(response_id).choice
    assert choice is not None
    assert (choice.to_number, choice.from_number) == (1, 3)


def test_an_order_for_a_revision_that_is_not_there_is_refused() -> None:
    world = a_world()
    response_id = rollback(world, to_revision=7)
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.NO_CANDIDATE)
    assert "7" in world.response(response_id).detail


def test_an_order_to_roll_back_what_only_lacks_capacity_meets_every_guardrail_of_a_rollback() -> None:
    world = World(readings={BAD: HUNGRY})
    world.story()
    world.workloads.pause(CHECKOUT)
    response_id = rollback(world)
    assert world.ended(response_id) == (Outcome.REFUSED, Reason.PAUSED)
    assert "intended" not in world.codes(response_id)


class TestOverrides:
    def test_recent_rollout(self) -> None:
        world = a_world()
        world.sleep(hours=5)
        asking = rollback(world)
        world.run_to(asking, Step.APPROVE)
        assert world.response(asking).asks == (Reason.NO_RECENT_ROLLOUT,)
        world.say(asking, "abort")
        world.run()
        assert world.ended(rollback(world, "recent_rollout", key="2")) == (Outcome.COMPLETED, Reason.HELD)

    def rolled_back(self) -> World:
        world = World()
        world.deploy(OLDER)
        world.sleep(days=1)
        world.story()
        assert world.ended(rollback(world, key="first")) == (Outcome.COMPLETED, Reason.HELD)
        return world

    def test_cooldown_and_the_restored_revision(self) -> None:
        world = self.rolled_back()
        assert world.record().cooldown_until is not None
        response_id = rollback(world, "cooldown", "stale", to_revision=1)
        assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert (world.image(), world.rollbacks()) == (OLDER, 2)

    def test_without_an_override_the_cooldown_delays_an_order_and_the_restored_revision_asks(self) -> None:
        world = self.rolled_back()
        response_id = rollback(world, to_revision=1)
        world.run(limit=timedelta(minutes=1))
        assert world.response(response_id).delay is Reason.COOLDOWN
        world.run_to(response_id, Step.APPROVE)
        assert world.response(response_id).asks == (Reason.RESTORED_REVISION,)
        assert world.rollbacks() == 1

    @pytest.mark.parametrize("override", ["stale", "storm", "recent_rollout"])
    def test_an_override_lifts_nothing_but_what_it_names(self, override: str) -> None:
        world = self.rolled_back()
        response_id = rollback(world, override, to_revision=1)
        world.run(limit=timedelta(minutes=1))
        assert world.response(response_id).delay is Reason.COOLDOWN

    def test_storm(self) -> None:
        world = World(rails=Rails(namespaces=("production",), storm_limit=0))
        world.story()
        asking = rollback(world)
        world.run_to(asking, Step.APPROVE)
        assert world.response(asking).asks == (Reason.STORM,)
        world.say(asking, "abort")
        world.run()
        assert world.ended(rollback(world, "storm", key="2")) == (Outcome.COMPLETED, Reason.HELD)

    EVERYTHING = ("recent_rollout", "cooldown", "storm", "stale", "owner", "schema", "claim", "paused")

    def test_an_owner_that_undoes_it_cannot_be_overridden(self) -> None:
        world = a_world()
        world.workloads.update(CHECKOUT, owner=Owner("Application", "shop", undoes_us=True, why="self-heal"))
        response_id = rollback(world, *self.EVERYTHING)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.MANAGED_BY_OWNER)

    def test_a_schema_that_does_not_fit_cannot_be_overridden(self) -> None:
        world = World()
        world.workloads.deploy(CHECKOUT, GOOD, schema=41)
        world.sleep(days=1)
        world.workloads.deploy(CHECKOUT, BAD, schema=42, schema_at_least=42)
        response_id = rollback(world, *self.EVERYTHING)
        assert world.ended(response_id) == (Outcome.REFUSED, Reason.SCHEMA)

    def test_the_claim_cannot_be_overridden(self) -> None:
        world = a_world()
        [live] = world.send(an_alert(at=world.now))
        answer = world.order(Wanted.ROLLBACK, override=self.EVERYTHING)
        assert (answer.outcome, answer.response_id) == (Acceptance.JOINED, live.response_id)
        world.run()
        assert world.rollbacks() == 1

    def test_a_freeze_cannot_be_overridden(self) -> None:
        world = a_world()
        world.door.freezer.freeze("global", by="bob")
        answer = world.order(Wanted.ROLLBACK, override=(*self.EVERYTHING, "freeze"))
        assert (answer.outcome, answer.reason) == (Acceptance.DELAYED, Reason.FREEZE)


class TestScale:
    def test_an_order_to_scale_does_so_and_leaves_the_capacity(self) -> None:
        world = a_world()
        answer = world.order(Wanted.SCALE, replicas=7)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.SCALED)
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        assert (found.replicas, world.image()) == (7, BAD)

    def test_an_order_to_scale_raises_the_minimum_of_an_autoscaler(self) -> None:
        world = a_world()
        world.workloads.autoscale(CHECKOUT, minimum=2, maximum=5)
        answer = world.order(Wanted.SCALE, replicas=7)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.SCALED)
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        assert found.autoscaler is not None
        assert (found.autoscaler.minimum, found.autoscaler.maximum) == (7, 7)

    def test_a_daemonset_cannot_be_scaled(self) -> None:
        world = a_world(workload=WorkloadRef("test", "production", "daemonset", "checkout"))
        answer = world.order(Wanted.SCALE, replicas=7)
        assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.SCALE_NOT_POSSIBLE)

    def test_an_alert_that_joins_an_order_to_scale_is_acted_on_when_that_is_done(self) -> None:
        world = a_world()
        answer = world.order(Wanted.SCALE, replicas=7)
        [joined] = world.send(an_alert(at=world.now))
        assert (joined.outcome, joined.response_id) == (Acceptance.JOINED, answer.response_id)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        assert (found.replicas, world.image()) == (7, GOOD)


class TestAssess:
    def test_an_order_to_assess_tells_what_it_would_do_and_touches_nothing(self) -> None:
        world = a_world()
        answer = world.order(Wanted.ASSESS)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.ASSESSED)
        response = world.response(answer.response_id)
        assert [row.row for row in response.decision.matched] == ["error_rate_high", "http_5xx_per_minute"]
        assert response.choice is not None
        assert response.choice.to_image == GOOD
        assert world.workloads.applied == []
        assert world.people.told == []

    def test_an_alert_that_joins_an_assessment_is_acted_on(self) -> None:
        world = a_world()
        answer = world.order(Wanted.ASSESS)
        alert = an_alert(at=world.now)
        world.interrupt("cluster.read", Moment.AFTER, lambda: world.send(alert))
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert (world.image(), world.rollbacks()) == (GOOD, 1)

    def test_an_assessment_does_not_become_a_rollback_by_an_alert_that_has_resolved(self) -> None:
        world = a_world()
        world.door.freezer.freeze("global", by="alice")
        answer = world.order(Wanted.ASSESS)
        began_at = world.now
        world.send(an_alert(at=began_at))
        world.send(an_alert(at=began_at, firing=False))
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.ASSESSED)
        assert world.workloads.applied == []


def test_the_plan_of_an_order_can_be_had_without_storing_anything() -> None:
    from shared.domain.response import Order
    from shared.engine.accepting import Request

    world = a_world()
    order = Order(Wanted.ROLLBACK, by="alice", at=world.now)
    signals = {Signal.ERROR_RATE: Reading.number(0.2)}
    request = Request(world.services[0], "invoke", "k", order=order, signals=signals)
    case = world.door.accepter.draft(request)
    assert [row.row for row in case.response.decision.matched] == ["error_rate_high"]
    assert world.records.calls["commit"] == 0


def test_an_order_after_which_the_service_still_fails_says_so() -> None:
    world = World(readings={BAD: BROKEN, GOOD: {**HEALTHY, Signal.ERROR_RATE: 0.2}})
    world.story()
    response_id = rollback(world, to_revision=1)
    world.run(until=lambda: world.rollbacks() == 1)
    world.shop.readings[GOOD] = BROKEN
    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)
