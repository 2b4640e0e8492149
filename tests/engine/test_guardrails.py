"""Every guardrail through the whole engine: what it refuses, delays or asks, and that nothing is touched."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.records import Freeze
from shared.domain.response import Outcome, Step
from shared.domain.services import MaintenanceWindow, Mode
from shared.domain.signals import Signal
from shared.domain.workloads import Owner, WorkloadRef
from shared.engine.accepting import Acceptance, Answer
from shared.errors import TemporaryError
from tests.engine.world import (
    BAD,
    BROKEN,
    CHECKOUT,
    GOOD,
    HEALTHY,
    RAISED,
    World,
    a_service,
    an_alert,
)
from tests.fakes.records import Moment

PAYMENTS = WorkloadRef("test", "production", "deployment", "payments")
SCOPES = ("global", "namespace/production", "team/shop")


def a_world(*, story: bool = True, rails: Rails | None = None, **fields: Any) -> World:
    world = World([a_service(**fields)], rails=rails)
    if story:
        world.story()
    return world


def alerted(world: World, **fields: Any) -> Answer:
    [answer] = world.send(an_alert(at=world.now, **fields))
    return answer


def check_refused(world: World, answer: Answer, reason: Reason) -> None:
    assert world.ended(answer.response_id) == (Outcome.REFUSED, reason)
    assert world.workloads.applied == []
    assert world.record().live is None
    assert world.response(answer.response_id).decision.matched


def check_asks(world: World, answer: Answer, *reasons: Reason) -> None:
    world.run_to(answer.response_id, Step.APPROVE)
    assert world.response(answer.response_id).asks == reasons
    assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
    assert world.workloads.applied == []


class TestRefusesAtTheDoor:
    def test_a_namespace_that_is_not_allowed(self) -> None:
        world = a_world(rails=Rails(namespaces=("staging",)))
        answer = alerted(world)
        assert (answer.outcome, answer.reason) == (Acceptance.REFUSED, Reason.NAMESPACE_NOT_ALLOWED)
        check_refused(world, answer, Reason.NAMESPACE_NOT_ALLOWED)

    def test_a_kind_that_is_not_supported(self) -> None:
        world = a_world(story=False, workload=WorkloadRef("test", "production", "cronjob", "checkout"))
        answer = alerted(world)
        assert (answer.outcome, answer.reason) == (Acceptance.REFUSED, Reason.KIND_NOT_SUPPORTED)

    def test_a_service_that_is_only_observed_keeps_the_decision_and_is_not_even_looked_at(self) -> None:
        world = a_world(mode=Mode.OBSERVE)
        looks = world.workloads.reads
        answer = alerted(world)
        assert (answer.outcome, answer.reason) == (Acceptance.REFUSED, Reason.MODE_OBSERVE)
        assert answer.decision is not None
        assert [row.row for row in answer.decision.matched] == ["error_rate_high"]
        check_refused(world, answer, Reason.MODE_OBSERVE)
        assert world.workloads.reads == looks
        assert [past.reason for past in world.record().responses] == [Reason.MODE_OBSERVE]


class TestRefusesWhatTheWorldSays:
    def test_a_workload_that_is_not_there(self) -> None:
        world = a_world(story=False)
        check_refused(world, alerted(world), Reason.NOT_FOUND)

    def test_an_owner_that_would_undo_it(self) -> None:
        world = a_world()
        world.workloads.update(CHECKOUT, owner=Owner("Application", "shop", undoes_us=True, why="self-heal"))
        check_refused(world, alerted(world), Reason.MANAGED_BY_OWNER)

    def test_an_owner_that_leaves_changes_alone_is_no_hindrance(self) -> None:
        world = a_world()
        world.workloads.update(CHECKOUT, owner=Owner("HelmRelease", "shop", undoes_us=False, why="by hand"))
        assert world.ended(alerted(world).response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_a_history_without_another_revision(self) -> None:
        world = a_world()
        world.workloads.forget_history(CHECKOUT)
        check_refused(world, alerted(world), Reason.NO_CANDIDATE)

    def test_a_history_of_versions_that_were_all_bad(self) -> None:
        world = World(readings={BAD: BROKEN, GOOD: BROKEN})
        world.story()
        check_refused(world, alerted(world), Reason.NO_CANDIDATE)

    def test_a_paused_rollout(self) -> None:
        world = a_world()
        world.workloads.pause(CHECKOUT)
        check_refused(world, alerted(world), Reason.PAUSED)

    def test_a_rollout_that_is_paused_between_the_look_and_the_change(self) -> None:
        world = a_world()
        answer = alerted(world)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.pause(CHECKOUT))
        check_refused(world, answer, Reason.PAUSED)

    def test_a_version_that_does_not_work_with_the_schema(self) -> None:
        world = a_world(story=False)
        world.workloads.deploy(CHECKOUT, GOOD, schema=41)
        world.sleep(days=1)
        world.workloads.deploy(CHECKOUT, BAD, schema=42, schema_at_least=42)
        world.sleep(minutes=2)
        check_refused(world, alerted(world), Reason.SCHEMA)


class TestDiscovered:
    def discovered(self, **annotations: str) -> tuple[World, Answer]:
        world = World([a_service(name="other", match={"deployment": "other"}, workload=PAYMENTS)])
        for image in (GOOD, BAD):
            world.deploy(image, CHECKOUT)
            world.sleep(minutes=30)
        world.workloads.annotate(CHECKOUT, {f"backout.dev/{k}": v for k, v in annotations.items()})
        return world, alerted(world)

    def test_a_workload_without_the_annotation_is_refused(self) -> None:
        world, answer = self.discovered()
        check_refused(world, answer, Reason.NOT_OPTED_IN)

    def test_a_workload_whose_annotation_makes_no_sense_is_refused(self) -> None:
        world, answer = self.discovered(mode="yes")
        check_refused(world, answer, Reason.NOT_OPTED_IN)

    def test_a_workload_that_wants_to_be_observed_is_not_touched(self) -> None:
        world, answer = self.discovered(mode="observe")
        check_refused(world, answer, Reason.MODE_OBSERVE)

    def test_a_workload_that_opts_in_is_rolled_back(self) -> None:
        world, answer = self.discovered(mode="auto")
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert world.image() == GOOD

    def test_a_workload_that_opts_in_to_be_asked_is_asked(self) -> None:
        world, answer = self.discovered(mode="approve")
        check_asks(world, answer, Reason.MODE_APPROVE)

    def test_its_annotations_say_how_it_is_measured_all_the_way(self) -> None:
        world = World(
            [a_service(name="other", match={"deployment": "other"}, workload=PAYMENTS)],
            readings={BAD: RAISED},
        )
        for image in (GOOD, BAD):
            world.deploy(image, CHECKOUT)
            world.sleep(minutes=30)
        world.workloads.annotate(CHECKOUT, {"backout.dev/mode": "auto", "backout.dev/profile": "istio"})
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.signals.profiles.clear()
        world.blind = True
        world.run_to(answer.response_id, Step.APPROVE)
        world.override = {**HEALTHY, Signal.CPU_USAGE: 0.97}
        world.blind = False
        world.run_to(answer.response_id, Step.SETTLE)
        in_assess = world.signals.profiles.count("http_requests")
        world.run(until=lambda: "not_settled" in world.codes(answer.response_id))
        assert set(world.signals.profiles) == {"istio", "http_requests"}
        assert in_assess <= 2
        assert world.signals.profiles.count("http_requests") <= in_assess + 1

    def test_a_freeze_of_the_team_that_the_annotation_names_holds_it_back(self) -> None:
        world = World([a_service(name="other", match={"deployment": "other"}, workload=PAYMENTS)])
        for image in (GOOD, BAD):
            world.deploy(image, CHECKOUT)
            world.sleep(minutes=30)
        world.workloads.annotate(CHECKOUT, {"backout.dev/mode": "auto", "backout.dev/team": "shop"})
        world.door.freezer.freeze("team/shop", by="alice")
        answer = alerted(world)
        world.run(limit=timedelta(minutes=30))
        assert world.response(answer.response_id).delay is Reason.FREEZE
        assert world.workloads.applied == []
        world.door.freezer.thaw("team/shop")
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)


class TestDelays:
    WINDOW = Rails(
        namespaces=("production",),
        maintenance=(MaintenanceWindow(frozenset(range(7)), time(3), time(4), UTC),),
    )

    def test_a_maintenance_window_delays_and_then_it_acts_if_it_still_breaches(self) -> None:
        world = a_world(rails=self.WINDOW)
        answer = alerted(world)
        assert (answer.outcome, answer.reason) == (Acceptance.DELAYED, Reason.MAINTENANCE_WINDOW)
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.now == datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_after_a_maintenance_window_a_service_that_recovered_is_left_alone(self) -> None:
        world = a_world(rails=self.WINDOW)
        answer = alerted(world)
        world.override = dict(HEALTHY)
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.workloads.applied == []

    def test_after_a_delay_a_cluster_that_does_not_answer_gets_its_time(self) -> None:
        world = a_world(rails=self.WINDOW)
        answer = alerted(world)
        world.interrupt(
            "cluster.read", Moment.BEFORE, lambda: world.workloads.fail(TemporaryError("connection refused"))
        )
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_after_a_cooldown_a_cluster_that_does_not_answer_gets_its_time(self) -> None:
        world = World()
        world.deploy("shop:1.4.0")
        world.sleep(days=1)
        world.story()
        assert world.ended(alerted(world).response_id) == (Outcome.COMPLETED, Reason.HELD)
        world.shop.readings[GOOD] = BROKEN
        world.sleep(minutes=2)
        answer = alerted(world)
        world.run(until=lambda: world.response(answer.response_id).delay is Reason.COOLDOWN)
        world.workloads.fail(TemporaryError("connection refused"))
        world.run_to(answer.response_id, Step.APPROVE)

    def test_a_freeze_that_meets_capacity_half_way_is_followed_by_another_look(self) -> None:
        world = World(readings={BAD: {**HEALTHY, Signal.CPU_USAGE: 0.97}})
        world.story()
        answer = alerted(world, signal=Signal.CPU_USAGE, value=0.97)
        away = TemporaryError("connection refused")
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.fail(away))
        world.run(until=lambda: "fault" in world.codes(answer.response_id))
        assert world.response(answer.response_id).phase == Step.SCALE
        world.door.freezer.freeze("global", by="alice")
        world.run(limit=timedelta(minutes=30))
        world.override = dict(HEALTHY)
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.workloads.applied == []

    @pytest.mark.parametrize("scope", SCOPES)
    def test_a_freeze_before_accept_delays_until_it_is_lifted(self, scope: str) -> None:
        world = a_world(team="shop")
        world.door.freezer.freeze(scope, by="alice", until=world.now + timedelta(hours=6))
        answer = alerted(world)
        assert (answer.outcome, answer.reason) == (Acceptance.DELAYED, Reason.FREEZE)
        world.run(limit=timedelta(minutes=30))
        assert world.workloads.applied == []
        world.door.freezer.thaw(scope)
        lifted_at = world.now
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.now - lifted_at <= timedelta(seconds=15)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_a_freeze_of_others_delays_nothing(self) -> None:
        world = a_world(team="shop")
        for scope in ("namespace/staging", "team/search"):
            world.door.freezer.freeze(scope, by="alice")
        assert world.ended(alerted(world).response_id) == (Outcome.COMPLETED, Reason.HELD)

    @pytest.mark.parametrize("scope", SCOPES)
    def test_a_freeze_between_assess_and_the_intent_stops_it(self, scope: str) -> None:
        world = a_world(team="shop")
        answer = alerted(world)
        world.interrupt("records.commit", Moment.BEFORE, lambda: world.door.freezer.freeze(scope, by="alice"))
        world.run(limit=timedelta(minutes=5))
        assert world.workloads.applied == []
        assert "intended" not in world.codes(answer.response_id)
        world.door.freezer.thaw(scope)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_a_freeze_during_the_veto_window_stops_it_and_it_is_assessed_again_afterwards(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.door.freezer.freeze("global", by="alice")
        world.run(limit=timedelta(hours=1))
        assert world.response(answer.response_id).delay is Reason.FREEZE
        assert world.workloads.applied == []
        world.override = dict(HEALTHY)
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.workloads.applied == []

    def test_a_freeze_during_the_veto_window_lets_it_go_on_when_it_is_lifted(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.door.freezer.freeze("global", by="alice")
        world.run(limit=timedelta(hours=1))
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        assert world.codes(answer.response_id).count("delayed") == 1

    def test_a_freeze_that_expires_needs_nobody_to_lift_it(self) -> None:
        world = a_world()
        ends_at = world.now + timedelta(minutes=30)
        world.door.freezer.freeze("global", by="alice", until=ends_at)
        answer = alerted(world)
        world.run(until=lambda: world.rollbacks() == 1)
        assert ends_at <= world.now <= ends_at + timedelta(seconds=15)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_a_freeze_holds_back_capacity_too(self) -> None:
        world = World(readings={BAD: {**HEALTHY, Signal.CPU_USAGE: 0.97}})
        world.story()
        world.door.freezer.freeze("global", by="alice")
        alerted(world, signal=Signal.CPU_USAGE, value=0.97)
        world.run(limit=timedelta(minutes=30))
        assert world.workloads.applied == []

    def test_a_freeze_is_kept_with_who_and_why(self) -> None:
        world = a_world()
        world.door.freezer.freeze("global", by="alice", reason="release day")
        assert world.door.freezer.current() == {"global": Freeze("alice", "release day", world.now)}
        answer = alerted(world)
        assert world.events(answer.response_id)[0].facts["detail"] == "global, by alice: release day"
