"""Watching: when samples count, when they have held, and what the service is measured against."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Step
from shared.domain.services import Targets, Timing
from shared.domain.signals import Reading, Signal
from shared.runbook.stabilise import past_target
from tests.engine.world import BAD, BROKEN, GOOD, HEALTHY, World, a_service, an_alert

CLOSE = Timing(poll=10.0, scrape=5.0, stabilise=300.0)
WINDOW_SECONDS, SCRAPES_SECONDS = 60.0, 10.0
COUNTS_AFTER = timedelta(seconds=WINDOW_SECONDS + SCRAPES_SECONDS)
HELD = (Outcome.COMPLETED, Reason.HELD)


def watched(
    *, quiet: bool = True, good: dict[Signal, float] | None = None, **fields: object
) -> tuple[World, str]:
    """A world whose rollback is being watched, and in which the alert has resolved."""
    world = World([a_service(timing=CLOSE, **fields)], readings={BAD: BROKEN, GOOD: good or HEALTHY})
    world.story()
    began_at = world.now
    [answer] = world.send(an_alert(at=began_at))
    world.run_to(answer.response_id, Step.STABILISE)
    if quiet:
        world.send(an_alert(at=began_at, firing=False))
    return world, answer.response_id


def errors(world: World, value: float, seconds: float) -> None:
    """Let the service have that error rate for a while."""
    world.override = {Signal.ERROR_RATE: value}
    world.run(limit=timedelta(seconds=seconds))
    world.override = {}


def test_it_has_held_when_all_samples_of_the_watching_time_pass() -> None:
    world, response_id = watched()
    began_at = world.now
    assert world.ended(response_id) == HELD
    assert world.lasted(response_id, began_at) == COUNTS_AFTER + timedelta(seconds=300)
    [held] = [e for e in world.events(response_id) if e.code == "held"]
    assert held.facts["samples"] == held.facts["good"] == 31


def test_samples_that_still_look_back_over_the_bad_version_do_not_count() -> None:
    world, response_id = watched()
    errors(world, 0.25, COUNTS_AFTER.total_seconds() - 1)
    began_at = world.now
    assert world.ended(response_id) == HELD
    assert world.lasted(response_id, began_at) < timedelta(seconds=310)
    assert "watching_again" not in world.codes(response_id)


def test_one_outlier_in_ten_is_forgiven() -> None:
    world, response_id = watched()
    began_at = world.now
    world.run(until=lambda: world.now >= began_at + timedelta(seconds=150))
    errors(world, 0.02, 25)
    assert world.ended(response_id) == HELD
    assert world.lasted(response_id, began_at) == COUNTS_AFTER + timedelta(seconds=300)
    [held] = [e for e in world.events(response_id) if e.code == "held"]
    assert held.facts["bad"] == 3


def test_a_service_that_takes_its_time_to_warm_up_is_watched_anew_and_can_still_hold() -> None:
    world, response_id = watched()
    began_at = world.now
    world.run(until=lambda: world.now >= began_at + COUNTS_AFTER)
    errors(world, 0.02, 120)
    assert world.ended(response_id) == HELD
    assert world.lasted(response_id, began_at) <= timedelta(seconds=600)
    assert world.codes(response_id).count("watching_again") == 1


def test_a_service_that_flaps_to_the_end_has_not_held() -> None:
    world, response_id = watched()
    began_at = world.now
    while world.now < began_at + timedelta(seconds=560):
        errors(world, 0.02, 60)
        world.run(limit=timedelta(seconds=60))
    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)


def test_a_signal_that_is_lost_half_way_is_inconclusive() -> None:
    world, response_id = watched()
    world.run(limit=timedelta(seconds=200))
    world.blind = True
    assert world.ended(response_id) == (Outcome.INCONCLUSIVE, Reason.SIGNALS_UNKNOWN)


def test_a_source_that_is_away_for_a_while_is_made_up_for() -> None:
    world, response_id = watched()
    world.run(limit=timedelta(seconds=100))
    world.blind = True
    world.run(limit=timedelta(seconds=60))
    world.blind = False
    assert world.ended(response_id) == HELD


def test_nothing_is_watched_for_longer_than_twice_its_time() -> None:
    world, response_id = watched(quiet=False)
    began_at = world.now
    world.override = {Signal.LATENCY_P95: 0.9}
    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)
    assert world.lasted(response_id, began_at) == timedelta(seconds=600)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.001, HELD), (0.0011, (Outcome.FAILED, Reason.STILL_BREACHED))],
)
def test_the_runbooks_target_is_a_tenth_of_a_percent_of_errors(
    value: float, outcome: tuple[Outcome, Reason]
) -> None:
    world, response_id = watched()
    world.override = {Signal.ERROR_RATE: value}
    assert world.ended(response_id) == outcome


def test_a_target_is_never_stricter_than_what_the_service_did_before() -> None:
    usual = {**HEALTHY, Signal.ERROR_RATE: 0.01, Signal.LATENCY_P95: 0.9}
    world, response_id = watched(good=usual)
    assert world.ended(response_id) == HELD


def test_a_service_sets_its_own_targets() -> None:
    world, response_id = watched(targets=Targets(error_rate=0.02))
    world.override = {Signal.ERROR_RATE: 0.015}
    assert world.ended(response_id) == HELD


def test_pods_that_are_not_ready_do_not_pass() -> None:
    world, response_id = watched()
    world.workloads.update(world.services[0].workload, ready_replicas=2)
    assert world.ended(response_id) == (Outcome.FAILED, Reason.STILL_BREACHED)
    assert "2 of 3 pods ready" in world.response(response_id).detail


def test_a_service_without_a_signal_source_is_healthy_when_its_alerts_have_resolved() -> None:
    world = World([a_service(timing=CLOSE, measured=False, trust_alerts=True)])
    world.story()
    began_at = world.now
    [answer] = world.send(an_alert(at=began_at))
    world.run_to(answer.response_id, Step.APPROVE)
    world.say(answer.response_id, "approve")
    world.run_to(answer.response_id, Step.STABILISE)
    world.send(an_alert(at=began_at, firing=False))
    assert world.ended(answer.response_id) == HELD


def test_a_service_without_a_signal_source_whose_alerts_fire_on_is_inconclusive() -> None:
    world = World([a_service(timing=CLOSE, measured=False, trust_alerts=True)])
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.run_to(answer.response_id, Step.APPROVE)
    world.say(answer.response_id, "approve")
    assert world.ended(answer.response_id) == (Outcome.INCONCLUSIVE, Reason.SIGNALS_UNKNOWN)


@pytest.mark.parametrize(
    ("before", "now", "fails"),
    [
        (Reading.number(6.0), 7.19, False),
        (Reading.number(6.0), 7.21, True),
        (Reading.number(0.1), 0.5, False),
        (Reading.number(0.1), 0.51, True),
        (Reading.idle(2.0), 0.5, False),
        (Reading.idle(2.0), 0.51, True),
        (Reading.unknown("no traffic"), 6.0, True),
    ],
)
def test_a_latency_may_be_a_fifth_above_what_it_was_or_what_the_target_allows(
    before: Reading, now: float, fails: bool
) -> None:
    world, response_id = watched()
    response = replace(world.response(response_id), baseline={Signal.LATENCY_P95: before})

    failing = past_target(world.services[0], response, {Signal.LATENCY_P95: Reading.number(now)})

    assert bool(failing) is fails


def test_a_regression_fails_however_slow_the_target_allows_it_to_be() -> None:
    world, response_id = watched()
    readings = {Signal.LATENCY_P95: Reading.number(0.16), Signal.LATENCY_REGRESSION: Reading.number(1.0)}

    assert past_target(world.services[0], world.response(response_id), readings).startswith("latency_regr")
