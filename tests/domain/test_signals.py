import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import signals
from shared.domain.signals import NEEDS_TRAFFIC, NEVER_QUERIED, UNITS, Kind, Reading, Signal, Unit
from tests.domain import strategies

FEW, ENOUGH = Reading.number(9.9), Reading.number(10.0)
ERRORS = {Signal.ERROR_RATE: Reading.number(1.0), Signal.MEMORY_USAGE: Reading.number(0.99)}


def test_every_signal_has_a_unit() -> None:
    assert set(UNITS) == set(Signal)


def test_what_is_never_queried_are_the_flags() -> None:
    assert {s for s in Signal if UNITS[s] is Unit.FLAG} == NEVER_QUERIED


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_unknown(value: float) -> None:
    reading = Reading.number(value)
    assert reading.is_unknown
    assert not reading.is_number
    assert reading.value is None
    assert reading.why


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e300])
def test_a_finite_number_is_kept_as_it_is(value: float) -> None:
    reading = Reading.number(value)
    assert reading.is_number
    assert not reading.is_unknown
    assert reading.value == value


def test_zero_is_a_number_and_not_unknown() -> None:
    assert Reading.number(0).value == 0.0


def test_idle_is_neither_a_number_nor_unknown_and_says_how_little_there_was() -> None:
    idle = Reading.idle(2.5)
    assert not idle.is_number
    assert not idle.is_unknown
    assert idle.why == "2.5 requests a minute"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.NUMBER, math.nan),
        (Kind.NUMBER, math.inf),
        (Kind.NUMBER, None),
        (Kind.UNKNOWN, 0.0),
        (Kind.UNKNOWN, math.nan),
        (Kind.IDLE, 1.0),
    ],
)
def test_no_reading_can_be_made_whose_value_does_not_fit_its_kind(kind: Kind, value: float | None) -> None:
    with pytest.raises(ValueError, match=f"a reading of kind {kind} cannot have the value"):
        Reading(kind, value)


def test_too_little_traffic_makes_idle_what_needs_traffic_and_nothing_else() -> None:
    every = {signal: Reading.number(1.0) for signal in Signal}
    quieted = signals.quieted(every, traffic=FEW, minimum_per_minute=10.0)
    assert {s for s, reading in quieted.items() if reading.kind is Kind.IDLE} == NEEDS_TRAFFIC
    assert quieted[Signal.ERROR_RATE].why == "9.9 requests a minute"


def test_just_enough_traffic_changes_nothing() -> None:
    assert signals.quieted(ERRORS, traffic=ENOUGH, minimum_per_minute=10.0) == ERRORS


def test_unknown_traffic_leaves_a_number_that_was_measured() -> None:
    unknown = Reading.unknown("no query")
    assert signals.quieted(ERRORS, traffic=unknown, minimum_per_minute=10.0) == ERRORS


def test_live_beats_what_an_alert_carried() -> None:
    live = {Signal.ERROR_RATE: Reading.number(0.01)}
    assert signals.merged(ERRORS, live) == {**ERRORS, **live}


def test_a_measurement_that_failed_is_not_replaced_by_an_old_number() -> None:
    merged = signals.merged(ERRORS, {Signal.ERROR_RATE: Reading.unknown("timed out")})
    assert merged[Signal.ERROR_RATE].is_unknown


@given(carried=strategies.read, live=strategies.read)
def test_merging_loses_no_signal_and_prefers_live(carried: signals.Readings, live: signals.Readings) -> None:
    merged = signals.merged(carried, live)
    assert set(merged) == set(carried) | set(live)
    assert all(merged[signal] == reading for signal, reading in live.items())


@pytest.mark.parametrize(("now", "before", "grown"), [(1.5, 1.0, 0.5), (0.5, 1.0, -0.5), (1.0, 1.0, 0.0)])
def test_a_regression_is_how_much_slower_it_is_than_before(now: float, before: float, grown: float) -> None:
    assert signals.regression(Reading.number(now), Reading.number(before)) == Reading.number(grown)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (Reading.number(1.0), Reading.unknown("no sample")),
        (Reading.number(1.0), Reading.idle(1.0)),
        (Reading.unknown("no sample"), Reading.number(1.0)),
        (Reading.number(1.0), Reading.number(0.0)),
    ],
)
def test_without_a_latency_before_and_now_the_regression_is_unknown(now: Reading, before: Reading) -> None:
    assert signals.regression(now, before).is_unknown


def test_an_idle_service_has_an_idle_regression() -> None:
    idle = Reading.idle(1.0)
    assert signals.regression(idle, Reading.number(1.0)) is idle


@given(
    before=st.floats(min_value=1e-6, max_value=1e6), now=st.lists(strategies.values, min_size=2, max_size=2)
)
def test_a_slower_service_never_has_a_smaller_regression(before: float, now: list[float]) -> None:
    fast, slow = (signals.regression(Reading.number(v), Reading.number(before)) for v in sorted(now))
    assert fast.value is not None
    assert slow.value is not None
    assert fast.value <= slow.value
