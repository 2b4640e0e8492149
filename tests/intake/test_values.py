import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.signals import Signal
from shared.intake import values

RATIO, SECONDS = Signal.ERROR_RATE, Signal.LATENCY_P95
RATE, FLAG = Signal.HTTP_5XX_PER_MINUTE, Signal.CRITICAL_FUNCTION_BROKEN


@pytest.mark.parametrize(
    ("signal", "text", "number"),
    [
        (RATIO, "0.12", 0.12),
        (RATIO, "12%", 0.12),
        (RATIO, "10%", 0.10),
        (RATIO, "5 %", 0.05),
        (RATIO, " 12.5 % ", 0.125),
        (RATIO, "3.2e-1", 0.32),
        (RATIO, "+0.5", 0.5),
        (RATIO, "0", 0.0),
        (RATIO, "1", 1.0),
        (RATIO, "100%", 1.0),
        (RATIO, ".5", 0.5),
        (Signal.MEMORY_USAGE, "1.02", 1.02),
        (Signal.LATENCY_REGRESSION, "1.5", 1.5),
        (Signal.LATENCY_REGRESSION, "150%", 1.5),
        (Signal.LATENCY_REGRESSION, "12", 12.0),
        (SECONDS, "1.2", 1.2),
        (SECONDS, "1.2s", 1.2),
        (SECONDS, "350ms", 0.35),
        (SECONDS, "350 milliseconds", 0.35),
        (SECONDS, "1m 30s", 90.0),
        (SECONDS, "1h0m2s", 3602.0),
        (RATE, "120", 120.0),
        (RATE, "120/min", 120.0),
        (RATE, "120 errors/min", 120.0),
        (RATE, "2/s", 120.0),
        (RATE, "2 per second", 120.0),
        (RATE, "2 requests per second", 120.0),
        (FLAG, "true", 1.0),
        (FLAG, "Yes", 1.0),
        (FLAG, "1", 1.0),
        (FLAG, "false", 0.0),
    ],
)
def test_a_value_is_read_in_the_base_unit_of_its_signal(signal: Signal, text: str, number: float) -> None:
    assert values.reading(text, signal).value == number


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (RATIO, ""),
        (RATIO, "NaN"),
        (RATIO, "+Inf"),
        (RATIO, "-Inf"),
        (RATIO, "12"),
        (RATIO, "1.01"),
        (RATIO, "101%"),
        (RATIO, "-0.1"),
        (RATIO, "0,12"),
        (RATIO, "0.12s"),
        (RATIO, "120/min"),
        (RATIO, "twelve"),
        (RATIO, "0.1 0.2"),
        (RATIO, "٣"),
        (Signal.CPU_USAGE, "90"),
        (SECONDS, "12%"),
        (SECONDS, "350m"),
        (SECONDS, "1,200ms"),
        (SECONDS, "-1s"),
        (RATE, "1,200"),
        (RATE, "1 200"),
        (RATE, "1_200"),
        (RATE, "120 ms"),
        (RATE, "12%"),
        (RATE, "9" * 100),
        (FLAG, "2"),
        (FLAG, "broken"),
    ],
)
def test_a_value_that_does_not_fit_its_signal_is_unknown_and_says_why(signal: Signal, text: str) -> None:
    reading = values.reading(text, signal)

    assert reading.is_unknown
    assert reading.why


def test_a_ratio_above_one_says_how_to_write_it() -> None:
    assert values.reading("12", RATIO).why == "12 is not a ratio between 0 and 1; write 12% or 0.12"


@pytest.mark.parametrize(
    ("signal", "text", "number"),
    [
        (RATIO, "12.5% of the requests fail", 0.125),
        (RATIO, "0.12", 0.12),
        (RATIO, "0.12 of all requests fail", 0.12),
        (RATIO, "12%: too many", 0.12),
        (RATIO, "12 percent fail", 0.12),
        (SECONDS, "6.2s p95 latency", 6.2),
        (SECONDS, "6.2 is too slow", 6.2),
        (SECONDS, "620ms.", 0.62),
        (RATE, "150 errors/min on checkout", 150.0),
        (RATE, "3 per second on checkout", 180.0),
    ],
)
def test_a_description_may_begin_with_the_value(signal: Signal, text: str, number: float) -> None:
    assert values.leading(text, signal).value == number


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (RATIO, ""),
        (RATIO, "errors are at 12%"),
        (RATIO, "12 of the requests fail"),
        (RATIO, "12s of errors"),
        (SECONDS, "5 pods of checkout are slow"),
        (SECONDS, "5xx everywhere"),
        (SECONDS, "1.4.2 was deployed"),
        (SECONDS, "2024-01-01 was a Monday"),
        (SECONDS, "12% of the requests are slow"),
        (RATE, "1,200 errors"),
        (FLAG, "1 function is broken"),
    ],
)
def test_a_description_that_begins_with_something_else_carries_no_value(signal: Signal, text: str) -> None:
    assert values.leading(text, signal).is_unknown


@given(
    st.sampled_from(list(Signal)), st.text(max_size=40) | st.from_regex(r"[-+0-9.,eE]{1,8} ?[%smin/]{0,4}")
)
def test_no_text_gives_a_number_that_is_negative_or_not_finite(signal: Signal, text: str) -> None:
    for reading in (values.reading(text, signal), values.leading(text, signal)):
        assert reading.value is None or (reading.value >= 0 and math.isfinite(reading.value))


@given(st.floats(min_value=0, max_value=1))
def test_a_ratio_written_as_prometheus_writes_numbers_reads_back_the_same(number: float) -> None:
    assert values.reading(repr(number), RATIO).value == number


def test_a_number_that_came_as_one_is_checked_too() -> None:
    assert values.number(0.12, RATIO).value == 0.12
    assert values.number(12, RATIO).is_unknown
    assert values.number(math.nan, RATIO).is_unknown
    assert values.number(True, FLAG).value == 1.0
    assert values.number(3, FLAG).is_unknown
