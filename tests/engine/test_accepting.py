"""What an alert costs and becomes: created, joined, ignored; repeated, resolved, out of order, at the end."""

import itertools
from collections import Counter
from datetime import timedelta

import pytest

from shared.domain.alerts import Alert
from shared.domain.reasons import Reason
from shared.domain.response import KEPT_ALERTS, Outcome, Step
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import REPEATED_FOR, Acceptance, Answer, Request
from tests.engine.world import BAD, GOOD, HEALTHY, RAISED, World, a_service, an_alert
from tests.fakes.records import Moment


def named(name: str) -> WorkloadRef:
    return WorkloadRef("test", "production", "deployment", name)


def services(count: int) -> list[str]:
    return [f"svc-{n}" for n in range(count)]


def a_fleet(count: int) -> World:
    return World([a_service(name=n, workload=named(n), match={"deployment": n}) for n in services(count)])


def cost(world: World) -> Counter[str]:
    """Return the calls to the table since this was last asked."""
    calls, world.records.calls = world.records.calls, Counter()
    return calls


class TestWhatItCosts:
    def test_a_thousand_alerts_of_one_workload_cost_one_response_and_two_calls(self) -> None:
        world = World()
        world.story()
        alerts = [an_alert(value=0.01 * (n % 30), at=world.now, name=f"Alert{n}") for n in range(1000)]
        cost(world)
        [answer] = world.send(*alerts)
        assert cost(world) == Counter(read=1, commit=1)
        heard = world.response(answer.response_id).heard
        assert (heard.alert_count, len(heard.alerts)) == (1000, KEPT_ALERTS)
        assert heard.carried[Signal.ERROR_RATE].value == pytest.approx(0.29)

    def test_a_repeat_costs_one_read_and_writes_nothing(self) -> None:
        world = World()
        world.story()
        alert = an_alert(at=world.now)
        [first] = world.send(alert)
        cost(world)
        [again] = world.send(alert)
        assert cost(world) == Counter(read=1)
        assert again.repeated
        assert (again.outcome, again.response_id) == (first.outcome, first.response_id)

    def test_a_join_costs_three_calls_and_one_that_adds_nothing_writes_nothing(self) -> None:
        world = World()
        world.story()
        first = an_alert(at=world.now)
        world.send(first)
        other = an_alert(Signal.LATENCY_P95, 7.0, at=world.now, name="Slow")
        cost(world)
        [joined] = world.send(other)
        assert joined.outcome is Acceptance.JOINED
        assert cost(world) == Counter(read=2, commit=1)
        [nothing_new] = world.send(first, other)
        assert nothing_new.outcome is Acceptance.JOINED
        assert cost(world) == Counter(read=2)

    def test_a_resolved_alert_of_nothing_that_runs_costs_one_read(self) -> None:
        world = World()
        cost(world)
        [answer] = world.send(an_alert(at=world.now, firing=False))
        assert (answer.outcome, answer.reason) == (Acceptance.IGNORED, Reason.RESOLVED)
        assert cost(world) == Counter(read=1)


class TestRepeats:
    @pytest.mark.parametrize(
        ("later", "repeated"), [(REPEATED_FOR - timedelta(seconds=1), True), (REPEATED_FOR, False)]
    )
    def test_what_is_known_by_its_content_answers_repeats_of_an_ended_response_for_five_minutes(
        self, later: timedelta, repeated: bool
    ) -> None:
        world = World([a_service(mode=Mode.OBSERVE)])
        world.story()
        alert = an_alert(at=world.now)
        world.send(alert)
        world.now += later
        [again] = world.send(alert)
        assert again.repeated is repeated

    def test_what_is_known_by_its_content_answers_repeats_as_long_as_its_response_lives(self) -> None:
        world = World()
        world.story()
        world.door.freezer.freeze("global", by="alice")
        alert = an_alert(at=world.now)
        [answer] = world.send(alert)
        world.run(limit=timedelta(hours=1))
        [again] = world.send(alert)
        assert again.repeated
        assert again.response_id == answer.response_id

    def test_what_has_an_id_answers_repeats_for_days(self) -> None:
        world = World([a_service(mode=Mode.OBSERVE)])
        alert = an_alert(at=world.now)
        request = Request(world.services[0], "pagerduty", "Q1", keyed_by_id=True, alerts=(alert,))
        [first] = world.door.accepter.accept([request])
        world.sleep(days=2)
        [again] = world.door.accepter.accept([request])
        assert again.repeated
        assert again.response_id == first.response_id


class TestJoining:
    def live(self) -> tuple[World, str]:
        world = World([a_service(mode=Mode.APPROVE)])
        world.story()
        [answer] = world.send(an_alert(value=0.12, at=world.now))
        world.run_to(answer.response_id, Step.APPROVE)
        return world, answer.response_id

    def test_a_join_adds_alerts_and_keeps_the_worst_reading(self) -> None:
        world, response_id = self.live()
        began_at = world.response(response_id).started_at
        world.send(an_alert(value=0.3, at=world.now, name="Other"))
        world.send(an_alert(value=0.2, at=world.now, name="Third"))
        heard = world.response(response_id).heard
        assert [a.name for a in heard.alerts] == ["HighErrorRate", "Other", "Third"]
        assert heard.carried[Signal.ERROR_RATE].value == 0.3
        assert not heard.all_resolved
        world.send(an_alert(at=began_at, firing=False))
        firing = [a.firing for a in world.response(response_id).heard.alerts]
        assert firing == [False, True, True]

    def test_a_join_keeps_no_more_than_fifty_alerts(self) -> None:
        world, response_id = self.live()
        world.send(*(an_alert(at=world.now, name=f"Alert{n}") for n in range(100)))
        heard = world.response(response_id).heard
        assert (heard.alert_count, len(heard.alerts)) == (101, KEPT_ALERTS)

    def test_a_resolution_of_an_alert_that_was_never_heard_of_adds_nothing(self) -> None:
        world, response_id = self.live()
        before = world.response(response_id).heard
        world.send(an_alert(at=world.now, name="Unheard", firing=False))
        assert world.response(response_id).heard == before

    @pytest.mark.parametrize("nth", [1, 2, 3, 4])
    def test_a_join_while_a_worker_is_at_it_disturbs_nothing(self, nth: int) -> None:
        world = World()
        world.story()
        [answer] = world.send(an_alert(at=world.now))
        other = an_alert(Signal.LATENCY_P95, 7.0, at=world.now, name="Slow")
        world.interrupt("records.commit", Moment.BEFORE, lambda: world.send(other), nth=nth)
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        events = world.events(answer.response_id)
        codes = [e.code for e in events]
        assert codes.count("joined") == 1
        assert codes.count("assessed") == 1
        assert codes.count("intended") == 1
        assert [e.previous for e in events] == [0, *(e.number for e in events[:-1])]
        assert len(world.response(answer.response_id).heard.alerts) == 2
        assert world.rollbacks() == 1

    def test_a_join_wakes_a_response_that_nobody_is_at(self) -> None:
        world, response_id = self.live()
        world.send(an_alert(value=0.3, at=world.now, name="Other"))
        assert [id_ for id_, _ in world.queue.sent] == [response_id]


class TestTheEnd:
    def ending(self) -> tuple[World, Alert]:
        """A response that is about to be dismissed, and a firing of which nothing live would tell."""
        world = World(readings={BAD: RAISED})
        world.story()
        [answer] = world.send(an_alert(value=0.08, at=world.now))
        world.run_to(answer.response_id, Step.HOLD)
        world.override = dict(HEALTHY)
        broken = an_alert(Signal.CRITICAL_FUNCTION_BROKEN, 1.0, at=world.now, name="NoCheckout")
        return world, broken

    @pytest.mark.parametrize("moment", list(Moment))
    @pytest.mark.parametrize("nth", [1, 2])
    def test_an_alert_at_the_instant_of_the_end_is_never_lost(self, nth: int, moment: Moment) -> None:
        world, broken = self.ending()
        answers: list[Answer] = []
        world.run(limit=timedelta(seconds=89))
        world.sleep(seconds=1)
        world.interrupt("records.commit", moment, lambda: answers.extend(world.send(broken)), nth=nth)
        world.run(until=lambda: world.rollbacks() == 1)
        [answer] = answers
        assert world.image() == GOOD
        acted = world.response(answer.response_id)
        assert acted.acted

    def test_an_alert_that_meets_a_response_which_has_just_ended_opens_another(self) -> None:
        world, broken = self.ending()
        ended_id = world.record().live
        assert ended_id is not None
        world.interrupt("records.read", Moment.BEFORE, lambda: world.ended(ended_id), nth=2)
        [answer] = world.send(broken)
        assert answer.outcome is Acceptance.CREATED
        assert answer.response_id != ended_id
        world.run(until=lambda: world.rollbacks() == 1)
        assert world.image() == GOOD

    def test_an_alert_that_joins_as_the_watch_ends_is_watched_too(self) -> None:
        world = World()
        world.story()
        [answer] = world.send(an_alert(at=world.now))
        world.run_to(answer.response_id, Step.STABILISE)
        world.send(an_alert(at=world.response(answer.response_id).started_at, firing=False))
        slow = an_alert(Signal.LATENCY_P95, 7.0, at=world.now, name="Slow")

        def hook(name: str, when: Moment) -> None:
            if (name, when) == ("records.commit", Moment.BEFORE) and world.now >= held_at:
                world.calls.on_call = lambda name, moment: None
                world.send(slow)

        held_at = world.now + timedelta(seconds=190)
        world.calls.on_call = hook
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)
        record = world.record()
        assert slow.episode in record.episodes
        assert len(world.response(answer.response_id).heard.alerts) == 2


class TestResolved:
    @pytest.mark.parametrize("phase", [Step.APPROVE, Step.HOLD])
    def test_an_alert_that_resolves_and_a_reading_that_agrees_dismiss_at_once(self, phase: Step) -> None:
        mode = Mode.APPROVE if phase is Step.APPROVE else Mode.AUTO
        world = World([a_service(mode=mode)], readings={BAD: RAISED})
        world.story()
        began_at = world.now
        [answer] = world.send(an_alert(value=0.08, at=began_at))
        world.run_to(answer.response_id, phase)
        world.override = dict(HEALTHY)
        world.send(an_alert(at=began_at, firing=False))
        resolved_at = world.now
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.response(answer.response_id).ended_at == resolved_at
        assert world.rollbacks() == 0

    def test_an_alert_that_resolves_while_it_assesses_dismisses_at_once(self) -> None:
        world = World(readings={})
        world.story()
        began_at = world.now
        [answer] = world.send(an_alert(at=began_at))
        world.run(until=lambda: "below" in world.codes(answer.response_id))
        world.send(an_alert(at=began_at, firing=False))
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        assert world.response(answer.response_id).ended_at == began_at

    def test_an_alert_that_resolves_while_the_reading_is_past_its_threshold_is_acted_on(self) -> None:
        world = World()
        world.story()
        began_at = world.now
        [answer] = world.send(an_alert(at=began_at))
        world.send(an_alert(at=began_at, firing=False))
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_without_a_resolution_a_reading_below_has_to_last_for_a_window(self) -> None:
        world = World(readings={})
        world.story()
        began_at = world.now
        [answer] = world.send(an_alert(at=began_at))
        assert world.ended(answer.response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
        ended_at = world.response(answer.response_id).ended_at
        assert ended_at == began_at + timedelta(seconds=60)


class TestSorting:
    def test_a_reading_below_every_threshold_is_ignored(self) -> None:
        world = World()
        [answer] = world.send(an_alert(value=0.01, at=world.now))
        assert (answer.outcome, answer.reason) == (Acceptance.IGNORED, Reason.BELOW_THRESHOLD)
        assert world.record().live is None

    @pytest.mark.parametrize(("signal", "value"), [(None, None), (None, 0.01), (Signal.ERROR_RATE, None)])
    def test_an_alert_that_does_not_say_how_bad_it_is_is_looked_into(
        self, signal: Signal | None, value: float | None
    ) -> None:
        world = World()
        world.story()
        [answer] = world.send(an_alert(signal, value, at=world.now))
        assert world.ended(answer.response_id) == (Outcome.COMPLETED, Reason.HELD)

    def test_an_alert_of_nothing_that_is_configured_is_ignored(self) -> None:
        world = World()
        [answer] = world.send(an_alert(at=world.now, deployment="", service="elsewhere"))
        assert (answer.outcome, answer.reason) == (Acceptance.IGNORED, Reason.UNKNOWN_SERVICE)

    def test_an_alert_of_another_cluster_is_ignored(self) -> None:
        world = World()
        [answer] = world.send(an_alert(at=world.now, cluster="staging"))
        assert (answer.outcome, answer.reason) == (Acceptance.IGNORED, Reason.OTHER_CLUSTER)
        [answer] = world.send(an_alert(at=world.now, cluster="test"))
        assert answer.outcome is Acceptance.CREATED

    def test_several_services_in_one_message_get_a_response_each(self) -> None:
        world = a_fleet(3)
        world.story()
        answers = world.send(*(an_alert(at=world.now, deployment=n) for n in services(3)))
        assert [a.service for a in answers] == services(3)
        assert len({a.response_id for a in answers}) == 3
        world.run()
        assert {c.workload.name for c in world.workloads.applied} == set(services(3))

    def test_the_order_of_alerts_changes_nothing(self) -> None:
        outcomes = set()
        for order in itertools.permutations(range(3)):
            world = a_fleet(2)
            world.story()
            alerts = [
                an_alert(value=0.12, at=world.now, deployment="svc-0"),
                an_alert(value=0.3, at=world.now, deployment="svc-0", name="Other"),
                an_alert(Signal.LATENCY_P95, 9.0, at=world.now, deployment="svc-1"),
            ]
            answers = world.send(*(alerts[n] for n in order))
            heard = [world.response(a.response_id).heard for a in answers]
            outcomes.add(repr([(a.service, a.outcome, a.decision) for a in answers] + heard))
            cost(world)
            again = world.send(*reversed(alerts))
            assert all(a.repeated for a in again)
            assert cost(world) == Counter(read=1)
        assert len(outcomes) == 1

    def test_the_worst_of_two_hundred_in_one_message_act_and_only_they(self) -> None:
        world = a_fleet(200)
        world.story()
        by_name = {name: 0.2 + 0.6 * nth / 200 for nth, name in enumerate(services(200))}
        worst = {"svc-17": 0.93, "svc-101": 0.96, "svc-163": 0.99}
        by_name |= worst
        cost(world)
        answers = world.send(*(an_alert(value=v, at=world.now, deployment=n) for n, v in by_name.items()))
        assert cost(world) == Counter(read=1, commit=200)
        assert {a.outcome for a in answers} == {Acceptance.CREATED}
        world.queue.sent.reverse()
        world.run(until=lambda: not world.queue.sent)
        assert {c.workload.name for c in world.workloads.applied} == set(worst)
        assert len(world.workloads.applied) == 3
        waiting = [r for a in answers if (r := world.response(a.response_id)).phase == Step.APPROVE]
        assert len(waiting) == 197
        assert all(Reason.STORM in r.asks for r in waiting)
