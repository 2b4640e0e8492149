"""When a person is asked, what their answer counts for, and what stands in for it."""

from datetime import timedelta
from typing import Any

from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import Answer
from shared.engine.joining import Said
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


class TestAsks:
    def test_a_rollout_of_long_ago(self) -> None:
        world = a_world()
        world.sleep(hours=4)
        check_asks(world, alerted(world), Reason.NO_RECENT_ROLLOUT)

    def test_live_readings_that_are_away_keep_being_measured_and_then_a_person_is_asked(self) -> None:
        world = a_world()
        world.blind = True
        answer = alerted(world)
        began_at = world.now
        world.run_to(answer.response_id, Step.APPROVE)
        assert timedelta(seconds=90) <= world.now - began_at <= timedelta(minutes=3)
        check_asks(world, answer, Reason.LIVE_UNKNOWN)

    def test_live_readings_that_come_back_while_it_measures_let_it_act(self) -> None:
        world = a_world()
        world.blind = True
        answer = alerted(world)
        world.run(limit=timedelta(minutes=1))
        world.blind = False
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_live_readings_that_come_back_while_a_person_is_asked_answer_the_question(self) -> None:
        world = a_world()
        world.blind = True
        answer = alerted(world)
        world.run_to(answer.response_id, Step.APPROVE)
        world.blind = False
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_an_alert_of_a_service_without_a_signal_source_is_put_to_a_person(self) -> None:
        world = a_world(measured=False)
        check_asks(world, alerted(world), Reason.CANDIDATE_UNKNOWN, Reason.LIVE_UNKNOWN)

    def test_an_alert_of_a_trusted_source_stands_in_for_what_cannot_be_measured(self) -> None:
        world = a_world(measured=False, trust_alerts=True)
        check_asks(world, alerted(world), Reason.CANDIDATE_UNKNOWN)

    def test_a_trusted_alert_that_has_resolved_during_a_freeze_is_not_acted_on(self) -> None:
        world = a_world(measured=False, trust_alerts=True)
        world.door.freezer.freeze("global", by="alice")
        began_at = world.now
        answer = alerted(world)
        world.send(an_alert(at=began_at, firing=False))
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)

    def test_a_broken_function_that_is_mended_during_a_freeze_is_not_acted_on(self) -> None:
        world = World(readings={})
        world.story()
        world.door.freezer.freeze("global", by="alice")
        began_at = world.now
        answer = alerted(world, signal=Signal.CRITICAL_FUNCTION_BROKEN, value=1.0)
        world.send(an_alert(Signal.CRITICAL_FUNCTION_BROKEN, None, at=began_at, firing=False))
        world.door.freezer.thaw("global")
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)

    def test_a_broken_function_needs_no_measurement(self) -> None:
        world = World(readings={})
        world.story()
        answer = alerted(world, signal=Signal.CRITICAL_FUNCTION_BROKEN, value=1.0)
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.image() == GOOD
        assert "rolled_back" in world.codes(answer.response_id)

    def test_a_vulnerability_asks(self) -> None:
        world = World(readings={})
        world.story()
        answer = alerted(world, signal=Signal.SECURITY_VULNERABILITY, value=1.0)
        check_asks(world, answer, Reason.ROW_ASKS)

    def test_a_vulnerability_together_with_errors_does_not_wait(self) -> None:
        world = a_world()
        [answer] = world.send(
            an_alert(at=world.now),
            an_alert(Signal.SECURITY_VULNERABILITY, 1.0, at=world.now, name="Vulnerable"),
        )
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.response(answer.response_id).asks == ()

    def test_errors_that_come_while_a_person_is_asked_of_a_vulnerability_do_not_wait(self) -> None:
        world = World(readings={})
        world.story()
        answer = alerted(world, signal=Signal.SECURITY_VULNERABILITY, value=1.0)
        world.run_to(answer.response_id, Step.APPROVE)
        world.shop.readings[BAD] = BROKEN
        world.run(until=lambda: world.rollbacks() == 1, limit=timedelta(minutes=2))
        assert world.image() == GOOD

    def test_a_vulnerability_that_joins_in_the_veto_window_is_still_put_to_a_person(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.send(an_alert(Signal.SECURITY_VULNERABILITY, 1.0, at=world.now, name="Vulnerable"))
        world.override = dict(HEALTHY)
        world.run_to(answer.response_id, Step.APPROVE)
        assert world.response(answer.response_id).asks == (Reason.ROW_ASKS,)
        assert world.workloads.applied == []

    def test_a_cpu_that_is_high_at_the_end_of_the_veto_window_is_given_capacity_first(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.override = {**HEALTHY, Signal.CPU_USAGE: 0.97}
        world.run(until=lambda: bool(world.workloads.applied))
        assert world.rollbacks() == 0
        assert "scaled" in world.codes(answer.response_id)

    def test_a_version_of_which_nobody_knows_how_it_did(self) -> None:
        world = a_world()
        world.shop.readings[GOOD] = {Signal.LATENCY_P95: 0.1}
        check_asks(world, alerted(world), Reason.CANDIDATE_UNKNOWN)


class TestModeApprove:
    def asked(self) -> tuple[World, Answer]:
        world = a_world(mode=Mode.APPROVE)
        answer = alerted(world)
        world.run_to(answer.response_id, Step.APPROVE)
        return world, answer

    def test_silence_never_acts(self) -> None:
        world, answer = self.asked()
        assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
        assert world.workloads.applied == []
        assert any("may I roll back" in title for title in world.people.titles)

    def test_a_yes_is_assessed_again_and_then_rolled_back(self) -> None:
        world, answer = self.asked()
        assert world.say(answer.response_id, "approve") is Said.TAKEN
        assert world.say(answer.response_id, "approve") is Said.REPEATED
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        codes = world.codes(answer.response_id)
        assert codes[codes.index("approved") + 1] == "assessed"
        assert world.rollbacks() == 1

    def test_a_yes_after_which_the_service_has_recovered_changes_nothing(self) -> None:
        world, answer = self.asked()
        world.override = dict(HEALTHY)
        world.say(answer.response_id, "approve")
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.workloads.applied == []

    def test_a_yes_does_not_lift_what_refuses(self) -> None:
        world, answer = self.asked()
        world.workloads.pause(CHECKOUT)
        world.say(answer.response_id, "approve")
        check_refused(world, answer, Reason.PAUSED)

    def test_a_yes_does_not_count_for_another_version(self) -> None:
        world, answer = self.asked()
        world.say(answer.response_id, "approve")
        world.shop.readings["shop:1.4.3"] = BROKEN
        world.deploy("shop:1.4.3")
        world.run(until=lambda: world.codes(answer.response_id)[-1] == "asked")
        response = world.response(answer.response_id)
        assert response.choice is not None
        assert response.choice.from_image == "shop:1.4.3"
        assert response.approved is None
        assert world.ended(answer.response_id) == (Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
        assert world.workloads.applied == []

    def test_a_no_ends_it(self) -> None:
        world, answer = self.asked()
        assert world.say(answer.response_id, "abort") is Said.TAKEN
        assert world.ended(answer.response_id) == (Outcome.ABORTED, Reason.ABORTED_BY_PERSON)
        assert world.workloads.applied == []
        assert world.say(answer.response_id, "approve") is Said.ENDED

    def test_a_yes_where_nothing_is_asked_is_not_taken(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world)
        world.run_to(answer.response_id, Step.HOLD)
        assert world.say(answer.response_id, "approve") is Said.NOT_ASKED

    def test_a_yes_ends_the_waiting_for_a_veto_too(self) -> None:
        world = World([a_service(mode=Mode.APPROVE)], readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.APPROVE)
        world.say(answer.response_id, "approve")
        said_at = world.now
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.now == said_at

    def test_after_a_yes_there_is_no_veto_window_though_the_readings_are_back(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        world.blind = True
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.APPROVE)
        world.say(answer.response_id, "approve")
        world.blind = False
        said_at = world.now
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.now == said_at
        assert "holding" not in world.codes(answer.response_id)

    def test_a_yes_counts_though_nothing_can_be_measured_after_a_veto_window(self) -> None:
        world = World(readings={BAD: RAISED})
        world.story()
        answer = alerted(world, value=0.08)
        world.run_to(answer.response_id, Step.HOLD)
        world.blind = True
        world.run_to(answer.response_id, Step.APPROVE)
        assert world.response(answer.response_id).asks == (Reason.LIVE_UNKNOWN,)
        world.say(answer.response_id, "approve")
        world.run(until=lambda: world.rollbacks() == 1, limit=timedelta(minutes=5))
        assert world.rollbacks() == 1


class TestStorm:
    def test_of_several_workloads_in_trouble_the_worst_three_act_and_the_others_ask(self) -> None:
        names = [f"svc-{n}" for n in range(5)]
        services = [
            a_service(
                name=name,
                workload=WorkloadRef("test", "production", "deployment", name),
                match={"deployment": name},
            )
            for name in names
        ]
        world = World(services)
        world.story()
        values = dict(zip(names, (0.2, 0.9, 0.3, 0.8, 0.7), strict=True))
        world.send(*(an_alert(value=v, at=world.now, deployment=n) for n, v in values.items()))
        world.run(limit=timedelta(minutes=4))
        acted = {c.workload.name for c in world.workloads.applied}
        assert acted == {"svc-1", "svc-3", "svc-4"}
        asked = [world.record(s.workload).live for s in services if s.name not in acted]
        assert all(id_ and world.response(id_).asks == (Reason.STORM,) for id_ in asked)

    def test_tokens_of_earlier_rollbacks_count(self) -> None:
        names = [f"svc-{n}" for n in range(4)]
        services = [
            a_service(
                name=name,
                workload=WorkloadRef("test", "production", "deployment", name),
                match={"deployment": name},
            )
            for name in names
        ]
        world = World(services)
        world.story()
        answers = []
        for name in names:
            answers += world.send(an_alert(at=world.now, deployment=name))
            world.run(until=lambda: not world.queue.sent)
            world.sleep(seconds=20)
        assert {c.workload.name for c in world.workloads.applied} == {"svc-0", "svc-1", "svc-2"}
        assert world.response(answers[-1].response_id).asks == (Reason.STORM,)

    def test_two_rollbacks_that_race_for_the_last_token_do_not_both_get_it(self) -> None:
        names = ["svc-0", "svc-1"]
        services = [
            a_service(
                name=name,
                workload=WorkloadRef("test", "production", "deployment", name),
                match={"deployment": name},
            )
            for name in names
        ]
        world = World(services, rails=Rails(namespaces=("production",), storm_limit=1))
        world.story()
        [first] = world.send(an_alert(at=world.now, deployment="svc-0"))
        [second] = world.send(an_alert(at=world.now, deployment="svc-1"))
        held_second = world.queue.sent.pop()
        world.interrupt("records.commit", Moment.BEFORE, lambda: world.engine.handle(*held_second))
        world.run(limit=timedelta(minutes=2))
        assert {c.workload.name for c in world.workloads.applied} == {"svc-1"}
        assert world.response(first.response_id).asks == (Reason.STORM,)
        assert world.response(second.response_id).acted


def test_a_reading_of_nothing_is_never_taken_for_good_news() -> None:
    world = World()
    world.story()
    world.override = {s: Reading.unknown("stale") for s in BROKEN}
    answer = alerted(world)
    world.run_to(answer.response_id, Step.APPROVE)
    assert world.response(answer.response_id).asks == (Reason.LIVE_UNKNOWN,)
