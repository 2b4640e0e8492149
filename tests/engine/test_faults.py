"""What the outside does wrong: borne for a while, then ended with a reason, never answered by a second try
at what may have been done."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.remedies import Remedies, WhenStuck
from shared.domain.response import Outcome, Step
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import Rollout, RolloutState
from shared.engine.advancing import MOST_MOVES, MOST_TAKEOVERS
from shared.engine.hands import LEASE
from shared.errors import PermanentError, TemporaryError
from tests.engine.world import BAD, CHECKOUT, GOOD, HUNGRY, RAISED, Killed, World, a_service, an_alert
from tests.fakes.records import Moment

AWAY = TemporaryError("connection refused")
TABLE_AWAY = TemporaryError("the table is away", reason=Reason.INTERNAL)
HELD = (Outcome.COMPLETED, Reason.HELD)


def alerted(world: World, signal: Signal = Signal.ERROR_RATE, value: float = 0.25) -> str:
    world.story()
    [answer] = world.send(an_alert(signal, value, at=world.now))
    return answer.response_id


def away_from(world: World, prefix: str) -> None:
    """From now on every call of the cluster whose name begins so fails."""

    def hook(name: str, moment: Moment) -> None:
        if moment is Moment.BEFORE and name.startswith(prefix):
            raise TemporaryError("connection refused")

    world.calls.on_call = hook


def replicas(world: World) -> int:
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    return found.replicas


class TestTheTable:
    @pytest.mark.parametrize("call", ["read", "commit"])
    def test_a_table_that_is_away_at_accept_is_told_and_the_same_delivery_succeeds_later(
        self, call: str
    ) -> None:
        world = World()
        world.story()
        alert = an_alert(at=world.now)
        world.records.fail(call, TABLE_AWAY)
        with pytest.raises(TemporaryError):
            world.send(alert)
        [answer] = world.send(alert)
        assert world.ended(answer.response_id) == HELD
        assert len(world.records.recent(f"{world.now:%Y-%m-%d}")) == 1

    def test_an_answer_that_was_lost_after_it_was_stored_gives_one_response_all_the_same(self) -> None:
        world = World()
        world.story()
        alert = an_alert(at=world.now)

        def lost() -> None:
            raise TABLE_AWAY

        world.interrupt("records.commit", Moment.AFTER, lost)
        with pytest.raises(TemporaryError):
            world.send(alert)
        [answer] = world.send(alert)
        assert answer.repeated
        assert world.ended(answer.response_id) == HELD
        assert [past.id for past in world.record().responses] == [answer.response_id]

    @pytest.mark.parametrize("moment", list(Moment))
    @pytest.mark.parametrize("nth", range(1, 7))
    def test_a_table_that_fails_at_any_commit_costs_time_only(self, nth: int, moment: Moment) -> None:
        world = World()
        response_id = alerted(world)

        def fail() -> None:
            raise TABLE_AWAY

        world.interrupt("records.commit", moment, fail, nth=nth)
        assert world.ended(response_id) == HELD
        assert world.rollbacks() == 1
        codes = world.codes(response_id)
        assert codes.count("rolled_back") == 1
        assert codes.count("ended") == 1


class TestTheCluster:
    def test_an_api_server_that_is_away_while_it_assesses_is_tried_again(self) -> None:
        world = World()
        response_id = alerted(world)
        for _ in range(5):
            world.workloads.fail(AWAY)
        assert world.ended(response_id) == HELD
        assert world.codes(response_id).count("fault") == 1

    def test_an_api_server_that_stays_away_while_it_assesses_ends_it(self) -> None:
        world = World()
        response_id = alerted(world)
        away_from(world, "cluster.")
        began_at = world.now
        assert world.ended(response_id) == (Outcome.FAILED, Reason.CLUSTER_UNREACHABLE)
        assert timedelta(seconds=100) <= world.now - began_at <= timedelta(seconds=130)
        assert world.workloads.applied == []

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("times", [1, 3])
    def test_a_change_that_timed_out_is_made_once_whether_it_had_landed_or_not(
        self, after: bool, times: int
    ) -> None:
        world = World()
        response_id = alerted(world)

        def fail() -> None:
            for _ in range(times):
                world.workloads.fail(AWAY, after=after)

        world.interrupt("cluster.apply", Moment.BEFORE, fail)
        assert world.ended(response_id) == HELD
        assert (world.image(), world.rollbacks()) == (GOOD, 1)
        response = world.response(response_id)
        assert response.rolled is not None
        assert response.rolled.by_us
        restored = world.record().restored
        assert restored is not None
        assert restored.response_id == response_id

    @pytest.mark.parametrize("autoscaled", [False, True])
    @pytest.mark.parametrize("after", [False, True])
    def test_capacity_whose_change_timed_out_is_added_once_and_taken_back(
        self, after: bool, autoscaled: bool
    ) -> None:
        world = World(readings={BAD: HUNGRY})
        response_id = alerted(world, Signal.CPU_USAGE, 0.97)
        if autoscaled:
            world.workloads.autoscale(CHECKOUT, minimum=3, maximum=10)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.fail(AWAY, after=after))
        world.run_to(response_id, Step.SETTLE)
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        assert (found.autoscaler.minimum if found.autoscaler else found.replicas) == 5
        assert world.ended(response_id) == HELD
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        assert (found.autoscaler.minimum if found.autoscaler else found.replicas) == 3

    def test_capacity_of_which_nobody_knows_whether_it_landed_is_taken_back_on_a_no(self) -> None:
        world = World(readings={BAD: HUNGRY})
        response_id = alerted(world, Signal.CPU_USAGE, 0.97)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.fail(AWAY, after=True))
        world.run(until=lambda: "fault" in world.codes(response_id))
        assert replicas(world) == 5
        world.say(response_id, "abort")
        assert world.ended(response_id) == (Outcome.ABORTED, Reason.ABORTED_BY_PERSON)
        assert replicas(world) == 3

    def test_an_api_server_that_is_away_when_it_verifies_leaves_it_inconclusive(self) -> None:
        world = World()
        response_id = alerted(world)
        world.interrupt("cluster.apply", Moment.AFTER, lambda: away_from(world, "cluster."))
        assert world.ended(response_id) == (Outcome.INCONCLUSIVE, Reason.CLUSTER_UNREACHABLE)
        world.calls.on_call = lambda name, moment: None
        assert (world.image(), world.rollbacks()) == (GOOD, 1)
        assert world.record().restored is not None

    def test_a_rollback_that_landed_unseen_is_not_followed_by_another_without_a_person(self) -> None:
        world = World()
        world.deploy("shop:1.4.0")
        world.sleep(days=1)
        first = alerted(world)

        def land_and_fall_silent() -> None:
            world.workloads.fail(AWAY, after=True)
            away_from(world, "cluster.read")

        world.interrupt("cluster.apply", Moment.BEFORE, land_and_fall_silent)
        assert world.ended(first) == (Outcome.FAILED, Reason.CLUSTER_UNREACHABLE)
        world.calls.on_call = lambda name, moment: None
        assert (world.image(), world.record().restored) == (GOOD, None)
        world.shop.readings[GOOD] = world.shop.readings[BAD]
        [again] = world.send(an_alert(Signal.ERROR_RATE, 0.25, at=world.now))
        world.run_to(again.response_id, Step.APPROVE)
        assert Reason.RESTORED_REVISION in world.response(again.response_id).asks
        assert world.rollbacks() == 1

    def test_a_credential_that_lacks_the_right_ends_it(self) -> None:
        world = World()
        response_id = alerted(world)
        forbidden = PermanentError("may not patch deployments", reason=Reason.FORBIDDEN)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.fail(forbidden))
        assert world.ended(response_id) == (Outcome.FAILED, Reason.FORBIDDEN)
        assert world.workloads.applied == []

    def test_a_workload_that_moves_under_us_gets_a_new_intent_before_another_try(self) -> None:
        world = World()
        response_id = alerted(world)
        world.interrupt("cluster.apply", Moment.BEFORE, lambda: world.workloads.resize(CHECKOUT, 4))
        assert world.ended(response_id) == HELD
        assert world.rollbacks() == 1
        codes = world.codes(response_id)
        moved = codes.index("moved")
        assert codes[moved - 1 : moved + 3] == ["intended", "moved", "intended", "rolled_back"]
        generations = [e.facts["generation"] for e in world.events(response_id) if e.code == "intended"]
        assert len(set(generations)) == 2

    def test_a_workload_that_keeps_moving_is_given_up(self) -> None:
        world = World()
        response_id = alerted(world)

        def hook(name: str, moment: Moment) -> None:
            if (name, moment) == ("cluster.apply", Moment.BEFORE):
                world.workloads.resize(CHECKOUT, 4)

        world.calls.on_call = hook
        assert world.ended(response_id) == (Outcome.FAILED, Reason.WORLD_KEEPS_MOVING)
        assert world.codes(response_id).count("moved") == MOST_MOVES
        assert world.workloads.applied == []


class TestTheRollout:
    def test_a_rollout_that_never_completes_fails(self) -> None:
        world = World()
        response_id = alerted(world)
        world.workloads.broken = frozenset({GOOD})
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_TIMEOUT)

    def test_a_rollout_that_completes_in_time_goes_on(self) -> None:
        world = World()
        response_id = alerted(world)
        world.workloads.broken = frozenset({GOOD})
        world.run_to(response_id, Step.VERIFY)
        world.sleep(seconds=100)
        world.workloads.update(CHECKOUT, rollout=Rollout(RolloutState.COMPLETE, "successfully rolled out"))
        assert world.ended(response_id) == HELD

    def test_a_rollout_that_passes_its_progress_deadline_fails_at_once(self) -> None:
        world = World([a_service(remedies=Remedies(stuck=WhenStuck.OFF))])
        response_id = alerted(world)
        world.workloads.broken = frozenset({GOOD})
        world.run_to(response_id, Step.VERIFY)
        failed = Rollout(RolloutState.FAILED, "exceeded its progress deadline")
        world.workloads.update(CHECKOUT, rollout=failed)
        began_at = world.now
        assert world.ended(response_id) == (Outcome.FAILED, Reason.ROLLOUT_FAILED)
        ended_at = world.response(response_id).ended_at
        assert ended_at is not None
        assert ended_at - began_at < timedelta(seconds=5)

    def test_a_health_endpoint_that_does_not_answer_fails_it(self) -> None:
        world = World()
        world.health.broken["http://checkout/health"] = "503 Service Unavailable"
        response_id = alerted(world)
        assert world.ended(response_id) == (Outcome.FAILED, Reason.HEALTH_FAILED)
        assert "503" in world.response(response_id).detail

    def test_a_pod_that_runs_another_image_fails_it(self) -> None:
        world = World()
        world.workloads.broken = frozenset({GOOD})
        response_id = alerted(world)
        world.run_to(response_id, Step.VERIFY)
        found = world.workloads.read(CHECKOUT)
        assert found is not None
        stray = replace(found.pods[0], ready=True, images={"app": BAD})
        complete = Rollout(RolloutState.COMPLETE, "successfully rolled out")
        world.workloads.update(CHECKOUT, rollout=complete, pods=(stray, *found.pods[1:]))
        assert world.ended(response_id) == (Outcome.FAILED, Reason.WRONG_IMAGE)


class TestWatching:
    def watched(self) -> tuple[World, str]:
        world = World()
        response_id = alerted(world)
        world.run_to(response_id, Step.STABILISE)
        return world, response_id

    def test_signals_that_are_unknown_to_the_end_are_inconclusive(self) -> None:
        world, response_id = self.watched()
        world.blind = True
        assert world.ended(response_id) == (Outcome.INCONCLUSIVE, Reason.SIGNALS_UNKNOWN)
        assert world.rollbacks() == 1

    def test_signals_that_stay_past_their_targets_fail_and_are_not_rolled_back_again(self) -> None:
        world, response_id = self.watched()
        world.override = {Signal.ERROR_RATE: 0.02}
        assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)
        assert "0.02" in world.response(response_id).detail
        assert world.rollbacks() == 1

    def test_idle_passes_on_ready_pods_and_says_so(self) -> None:
        world, response_id = self.watched()
        world.override = {Signal.ERROR_RATE: Reading.idle(2.0), Signal.LATENCY_P95: Reading.idle(2.0)}
        world.override[Signal.HTTP_5XX_PER_MINUTE] = Reading.idle(2.0)
        assert world.ended(response_id) == HELD
        [held] = [e for e in world.events(response_id) if e.code == "held"]
        assert held.facts["good"] == 0
        assert held.facts["idle"]

    def test_idle_does_not_pass_where_a_health_endpoint_fails(self) -> None:
        world, response_id = self.watched()
        world.override = {Signal.ERROR_RATE: Reading.idle(2.0), Signal.LATENCY_P95: Reading.idle(2.0)}
        world.health.broken["http://checkout/health"] = "503"
        assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)

    def test_alerts_that_linger_extend_the_watch_and_never_fail_it(self) -> None:
        world, response_id = self.watched()
        began_at = world.now
        assert world.ended(response_id) == HELD
        assert world.lasted(response_id, began_at) == timedelta(seconds=240)

    def test_alerts_that_clear_end_the_watch_as_soon_as_it_has_held(self) -> None:
        world, response_id = self.watched()
        began_at = world.now
        world.send(an_alert(at=world.response(response_id).started_at, firing=False))
        assert world.ended(response_id) == HELD
        assert timedelta(seconds=190) <= world.lasted(response_id, began_at) <= timedelta(seconds=220)


class TestWorkers:
    @pytest.mark.parametrize(
        ("call", "signal", "readings"),
        [
            ("signals.measure", Signal.ERROR_RATE, None),
            ("cluster.apply", Signal.ERROR_RATE, None),
            ("cluster.apply", Signal.CPU_USAGE, {BAD: HUNGRY}),
            ("health.check", Signal.ERROR_RATE, None),
        ],
    )
    def test_a_step_that_kills_its_workers_again_and_again_is_given_up(
        self, call: str, signal: Signal, readings: dict[str, dict[Signal, float]] | None
    ) -> None:
        world = World(readings=readings)
        response_id = alerted(world, signal, 0.97)

        def hook(name: str, moment: Moment) -> None:
            if (name, moment) == (call, Moment.BEFORE):
                raise Killed

        world.calls.on_call = hook
        deaths = die_until_ended(world, response_id)
        assert deaths == MOST_TAKEOVERS + 1
        assert world.ended(response_id) == (Outcome.FAILED, Reason.INTERNAL)
        assert world.record().live is None

    def test_a_watch_that_kills_its_workers_still_takes_the_capacity_back(self) -> None:
        world = World(readings={BAD: HUNGRY})
        response_id = alerted(world, Signal.CPU_USAGE, 0.97)
        world.run_to(response_id, Step.STABILISE)
        assert replicas(world) == 5

        def hook(name: str, moment: Moment) -> None:
            if (name, moment) == ("signals.measure", Moment.BEFORE):
                raise Killed

        world.calls.on_call = hook
        die_until_ended(world, response_id)
        assert world.response(response_id).reason is Reason.INTERNAL
        assert replicas(world) == 3

    def test_taking_capacity_back_that_kills_its_workers_is_given_up_too(self) -> None:
        world = World(readings={BAD: HUNGRY})
        response_id = alerted(world, Signal.CPU_USAGE, 0.97)
        world.run_to(response_id, Step.STABILISE)

        def hook(name: str, moment: Moment) -> None:
            if (name, moment) == ("cluster.read", Moment.BEFORE):
                raise Killed

        world.calls.on_call = hook
        deaths = die_until_ended(world, response_id)
        assert deaths == 2 * (MOST_TAKEOVERS + 1)
        assert world.response(response_id).phase == Outcome.FAILED
        assert world.record().live is None

    def test_a_message_leaves_a_response_alone_that_another_worker_is_at(self) -> None:
        world = World()
        response_id = alerted(world)
        world.interrupt("cluster.read", Moment.BEFORE, lambda: world.engine.handle(response_id))
        assert world.ended(response_id) == HELD
        assert world.codes(response_id).count("assessed") == 1
        assert "taken_over" not in world.codes(response_id)

    def test_a_worker_stores_that_it_is_at_a_response_before_it_looks_at_anything(self) -> None:
        world = World(local=False)
        response_id = alerted(world)
        seen = []

        def look() -> None:
            seen.append(world.records.read(responses=[response_id]).states[response_id])

        world.interrupt("cluster.read", Moment.BEFORE, look)
        world.run()
        [state] = seen
        assert state.lease.owner is not None
        assert state.due_at == state.lease.until == state.response.started_at + LEASE
        assert state.version == 2

    @pytest.mark.parametrize(
        ("signal", "value", "readings"),
        [
            (Signal.ERROR_RATE, 0.25, None),
            (Signal.ERROR_RATE, 0.08, {BAD: RAISED}),
            (Signal.CPU_USAGE, 0.97, {BAD: HUNGRY}),
        ],
    )
    def test_every_call_however_slow_ends_before_the_lease_does(
        self, signal: Signal, value: float, readings: dict[str, dict[Signal, float]] | None
    ) -> None:
        world = World(readings=readings)
        response_id = alerted(world, signal, value)
        outside = ("cluster.", "signals.", "health.")
        late: list[str] = []

        def slowly(name: str, moment: Moment) -> None:
            if not name.startswith(outside):
                return
            if moment is Moment.BEFORE:
                world.now += timedelta(seconds=11)
                return
            world.calls.on_call = lambda name, moment: None
            lease = world.records.read(responses=[response_id]).states[response_id].lease
            world.calls.on_call = slowly
            if lease.until is None or lease.until <= world.now:
                late.append(name)

        world.calls.on_call = slowly
        world.run(until=lambda: world.rollbacks() == 1, limit=timedelta(minutes=15))
        assert world.rollbacks() == 1
        assert late == []
        assert "taken_over" not in world.codes(response_id)

    def test_a_queue_that_loses_everything_costs_time_only(self) -> None:
        world = World(readings={BAD: RAISED}, local=False)
        world.queue.lossy = True
        response_id = alerted(world, value=0.08)
        assert world.ended(response_id) == HELD
        assert world.rollbacks() == 1
        assert world.people.told

    def test_a_queue_that_repeats_everything_changes_nothing(self) -> None:
        world = World(local=False)
        response_id = alerted(world)
        world.queue.sent.extend([(response_id, None)] * 3)
        assert world.ended(response_id) == HELD
        world.queue.sent.extend([(response_id, None)] * 3)
        world.run()
        assert world.rollbacks() == 1
        assert world.codes(response_id).count("ended") == 1


def die_until_ended(world: World, response_id: str) -> int:
    """Run workers that die until the response has ended; return how many died."""
    deaths = 0
    while world.response(response_id).live:
        assert deaths < 50, world.codes(response_id)
        try:
            world.run(until=lambda: not world.response(response_id).live)
        except Killed:
            deaths += 1
            world.restart()
            world.sleep(seconds=LEASE.total_seconds())
    return deaths
