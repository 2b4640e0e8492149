"""Degradation is told against the time before the bad rollout, and only where there was traffic then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.domain.decisions import Verdict
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step, Wanted
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from tests.engine.world import BAD, BROKEN, GOOD, HEALTHY, HUNGRY, Shop, World, a_service, an_alert
from tests.fakes.signals import Told

IDLE = Reading.number(2.0)
UNKNOWN = Reading.unknown("no traffic query")
NEWEST = "shop:1.4.3"
USUAL = HEALTHY[Signal.LATENCY_P95]

without_traffic = pytest.mark.parametrize("traffic", [IDLE, UNKNOWN], ids=["idle", "unknown"])


@dataclass(frozen=True)
class ShopWithTraffic(Shop):
    """A shop in which images have had a traffic of their own."""

    traffic: Mapping[str, Reading] = field(default_factory=dict)

    def told(self, image: str | None) -> Told:
        told = super().told(image)
        return Told(told.readings, self.traffic.get(image or "", told.traffic))


def a_world(
    *, now: float = USUAL, before: float = USUAL, traffic: Reading | None = None, **fields: object
) -> World:
    """A world in which the p95 is `now` and was `before`, at that traffic."""
    readings = {
        BAD: {**HEALTHY, Signal.LATENCY_P95: now},
        GOOD: {**HEALTHY, Signal.LATENCY_P95: before},
    }
    return told(readings, traffic, **fields)


def told(readings: dict[str, dict[Signal, float]], traffic: Reading | None = None, **fields: object) -> World:
    world = World([a_service(**fields)], readings=readings)
    world.shop = ShopWithTraffic(readings, {GOOD: traffic} if traffic is not None else {})
    world.story()
    return world


def slower(world: World) -> str:
    [answer] = world.send(an_alert(Signal.LATENCY_REGRESSION, 1.5, at=world.now, name="Slower"))
    return answer.response_id


def broken(world: World) -> str:
    [answer] = world.send(an_alert(at=world.now))
    return answer.response_id


def regression_of(response: Response) -> Verdict:
    [row] = [row for row in response.decision.rows if row.signal is Signal.LATENCY_REGRESSION]
    return row.verdict


@pytest.mark.parametrize(
    ("now", "ended"),
    [
        (0.30001, (Outcome.COMPLETED, Reason.HELD)),
        (0.3, (Outcome.DISMISSED, Reason.RECOVERED)),
    ],
)
def test_more_than_half_as_slow_again_is_a_regression(now: float, ended: tuple[Outcome, Reason]) -> None:
    world = a_world(now=now, before=0.2)

    assert world.ended(slower(world)) == ended


def test_a_regression_that_only_the_past_can_tell_is_not_waited_for() -> None:
    world = a_world(now=0.3)
    began_at = world.now

    response_id = slower(world)
    world.run_to(response_id, Step.HOLD)

    assert world.now == began_at
    assert "unclear" not in world.codes(response_id)


def test_a_regression_is_told_by_the_rollout_that_is_bad_and_not_by_one_before() -> None:
    world = a_world(now=1.25 * USUAL)
    response_id = slower(world)
    world.run(until=lambda: "below" in world.codes(response_id))
    assert world.response(response_id).baseline[Signal.LATENCY_P95] == Reading.number(USUAL)
    world.sleep(seconds=10)
    world.shop.readings[NEWEST] = {**HEALTHY, Signal.LATENCY_P95: 1.25 * 1.4 * USUAL}
    world.deploy(NEWEST)

    assert world.ended(response_id) == (Outcome.DISMISSED, Reason.RECOVERED)
    assert "assessed" not in world.codes(response_id)
    assert world.response(response_id).baseline[Signal.LATENCY_P95] == Reading.number(1.25 * USUAL)


@without_traffic
@pytest.mark.parametrize("before", [USUAL, 0.3], ids=["slower", "the same"])
def test_without_traffic_before_a_regression_is_put_to_a_person(traffic: Reading, before: float) -> None:
    world = a_world(now=0.3, before=before, traffic=traffic)
    response_id = slower(world)

    world.run_to(response_id, Step.APPROVE)

    response = world.response(response_id)
    assert regression_of(response) is Verdict.UNKNOWN
    assert Reason.LIVE_UNKNOWN in response.asks
    assert world.workloads.applied == []


@without_traffic
def test_without_traffic_before_a_revision_is_not_taken_for_healthy(traffic: Reading) -> None:
    world = told({BAD: BROKEN}, traffic)
    response_id = broken(world)

    world.run_to(response_id, Step.APPROVE)

    assert world.response(response_id).asks == (Reason.CANDIDATE_UNKNOWN,)
    assert world.workloads.applied == []


@without_traffic
def test_without_traffic_before_a_revision_is_not_taken_for_breached(traffic: Reading) -> None:
    world = told({BAD: BROKEN, GOOD: BROKEN}, traffic)
    response_id = broken(world)

    world.run_to(response_id, Step.APPROVE)

    response = world.response(response_id)
    assert response.asks == (Reason.CANDIDATE_UNKNOWN,)
    assert response.choice is not None
    assert response.choice.to_image == GOOD


def test_with_traffic_before_a_revision_is_taken_for_what_it_was() -> None:
    assert _ended({BAD: BROKEN}) == (Outcome.COMPLETED, Reason.HELD)
    assert _ended({BAD: BROKEN, GOOD: BROKEN}) == (Outcome.REFUSED, Reason.NO_CANDIDATE)


def _ended(readings: dict[str, dict[Signal, float]]) -> tuple[str, str | None]:
    world = told(readings, Reading.number(10.0))
    return world.ended(broken(world))


def test_a_service_that_asks_for_no_traffic_needs_none_to_be_known() -> None:
    world = told({BAD: BROKEN}, UNKNOWN, min_requests_per_minute=0.0)

    assert world.ended(broken(world)) == (Outcome.COMPLETED, Reason.HELD)


@without_traffic
def test_what_needs_no_traffic_is_known_without(traffic: Reading) -> None:
    world = told({BAD: HUNGRY}, traffic)
    [answer] = world.send(an_alert(Signal.CPU_USAGE, 0.97, at=world.now, name="HighCPU"))

    world.run(until=lambda: "assessed" in world.codes(answer.response_id))

    response = world.response(answer.response_id)
    assert response.baseline[Signal.CPU_USAGE] == Reading.number(HEALTHY[Signal.CPU_USAGE])
    assert response.asks == ()


# what a rollback has to bring back


def ordered(world: World) -> str:
    return world.order(Wanted.ROLLBACK, to_revision=1, reason="as before").response_id


@pytest.mark.parametrize(
    "usual",
    [
        {Signal.LATENCY_P95: 6.0},
        {Signal.ERROR_RATE: 0.08},
        {Signal.HTTP_5XX_PER_MINUTE: 120.0},
        {Signal.CPU_USAGE: 0.95},
    ],
)
def test_what_the_service_did_before_is_good_enough_after(usual: dict[Signal, float]) -> None:
    world = told({BAD: BROKEN, GOOD: {**HEALTHY, **usual}})

    assert world.ended(ordered(world)) == (Outcome.COMPLETED, Reason.HELD)


def test_what_is_worse_than_before_is_not() -> None:
    world = told({BAD: BROKEN, GOOD: {**HEALTHY, Signal.LATENCY_P95: 6.0}})
    response_id = ordered(world)
    world.run_to(response_id, Step.STABILISE)
    world.override = {Signal.LATENCY_P95: 7.5}

    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)


@without_traffic
def test_without_traffic_before_the_targets_are_the_runbooks(traffic: Reading) -> None:
    world = told({BAD: BROKEN, GOOD: {**HEALTHY, Signal.LATENCY_P95: 6.0}}, traffic)
    response_id = ordered(world)
    world.run_to(response_id, Step.STABILISE)
    world.shop = Shop({GOOD: {**HEALTHY, Signal.LATENCY_P95: 0.6}})

    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)


def test_a_baseline_is_kept_through_approval() -> None:
    world = a_world(now=0.3, mode=Mode.APPROVE)
    response_id = slower(world)
    world.run_to(response_id, Step.APPROVE)
    world.run(limit=timedelta(seconds=30))
    world.say(response_id, "approve")

    assert world.ended(response_id) == (Outcome.COMPLETED, Reason.HELD)
    assert world.response(response_id).baseline[Signal.LATENCY_P95] == Reading.number(USUAL)
