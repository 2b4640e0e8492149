"""What every signal source keeps to, the fake too: subclass the suite and give it a `world`."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.services import Service
from shared.domain.signals import Kind, Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.ports import Signals

SERVICE = Service(
    "checkout", WorkloadRef("prod", "production", "deployment", "checkout"), min_requests_per_minute=10.0
)
BEFORE_THE_DEPLOY = datetime(2026, 3, 2, 11, 58, tzinfo=UTC)


class World(ABC):
    """A signal source, and what it measures, which the test sets."""

    signals: Signals
    service: Service = SERVICE

    @abstractmethod
    def says(
        self,
        readings: Mapping[Signal, float],
        *,
        traffic: float | None = 600.0,
        at: datetime | None = None,
    ) -> None:
        """Set what is measured now, or at a time; what is left out is missing, traffic of None too."""

    @abstractmethod
    def goes_away(self) -> None:
        """Let the source fail from now on."""


class SignalsContract:
    """The suite."""

    def test_it_measures_what_is_wanted_and_nothing_else(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.12, Signal.LATENCY_P95: 0.3, Signal.CPU_USAGE: 0.5})

        measured = world.signals.measure(world.service, [Signal.ERROR_RATE, Signal.CPU_USAGE])

        assert measured.readings == {
            Signal.ERROR_RATE: Reading.number(0.12),
            Signal.CPU_USAGE: Reading.number(0.5),
        }
        assert measured.traffic_per_minute == Reading.number(600)

    def test_a_signal_that_no_query_tells_is_left_to_the_alert(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.0})

        wanted = [Signal.CRITICAL_FUNCTION_BROKEN, Signal.SECURITY_VULNERABILITY, Signal.ERROR_RATE]

        assert world.signals.measure(world.service, wanted).readings.keys() == {Signal.ERROR_RATE}

    def test_nothing_wanted_gives_nothing(self, world: World) -> None:
        measured = world.signals.measure(world.service, [])

        assert measured.readings == {}
        assert measured.longest_window == 0

    def test_zero_is_a_number(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.0})

        measured = world.signals.measure(world.service, [Signal.ERROR_RATE])

        assert measured.readings[Signal.ERROR_RATE] == Reading.number(0)

    def test_a_missing_signal_is_unknown_and_says_why(self, world: World) -> None:
        world.says({})

        reading = world.signals.measure(world.service, [Signal.MEMORY_USAGE]).readings[Signal.MEMORY_USAGE]

        assert reading.is_unknown
        assert reading.why

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_what_is_no_finite_number_is_unknown(self, world: World, value: float) -> None:
        world.says({Signal.LATENCY_P95: value})

        measured = world.signals.measure(world.service, [Signal.LATENCY_P95])

        assert measured.readings[Signal.LATENCY_P95].is_unknown

    def test_too_little_traffic_makes_idle_what_needs_traffic(self, world: World) -> None:
        world.says(
            {Signal.ERROR_RATE: 0.5, Signal.HTTP_5XX_PER_MINUTE: 2.0, Signal.MEMORY_USAGE: 0.97}, traffic=4.0
        )

        readings = world.signals.measure(
            world.service, [Signal.ERROR_RATE, Signal.HTTP_5XX_PER_MINUTE, Signal.MEMORY_USAGE]
        ).readings

        assert readings[Signal.ERROR_RATE].kind is Kind.IDLE
        assert readings[Signal.HTTP_5XX_PER_MINUTE].kind is Kind.IDLE
        assert readings[Signal.MEMORY_USAGE] == Reading.number(0.97)

    def test_no_traffic_at_all_is_idle_even_where_a_share_of_nothing_is_nan(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: math.nan}, traffic=0.0)

        measured = world.signals.measure(world.service, [Signal.ERROR_RATE])

        assert measured.readings[Signal.ERROR_RATE].kind is Kind.IDLE

    def test_traffic_that_is_not_known_leaves_a_number_as_it_is(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.5}, traffic=None)

        measured = world.signals.measure(world.service, [Signal.ERROR_RATE])

        assert measured.readings[Signal.ERROR_RATE] == Reading.number(0.5)
        assert measured.traffic_per_minute.is_unknown

    def test_the_past_is_measured_as_it_was(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.001}, at=BEFORE_THE_DEPLOY)
        world.says({Signal.ERROR_RATE: 0.12})

        now = world.signals.measure(world.service, [Signal.ERROR_RATE])
        then = world.signals.measure(world.service, [Signal.ERROR_RATE], at=BEFORE_THE_DEPLOY)

        assert now.readings[Signal.ERROR_RATE] == Reading.number(0.12)
        assert then.readings[Signal.ERROR_RATE] == Reading.number(0.001)

    def test_a_past_of_which_nothing_is_kept_is_unknown(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.001}, at=BEFORE_THE_DEPLOY)
        world.says({Signal.ERROR_RATE: 0.12})

        earlier = BEFORE_THE_DEPLOY - timedelta(hours=1)
        measured = world.signals.measure(world.service, [Signal.ERROR_RATE], at=earlier)

        assert measured.readings[Signal.ERROR_RATE].is_unknown

    def test_the_regression_is_the_share_by_which_the_latency_has_grown(self, world: World) -> None:
        world.says({Signal.LATENCY_P95: 0.9})

        measured = world.signals.measure(
            world.service, [Signal.LATENCY_REGRESSION], p95_before=Reading.number(0.5)
        )

        assert measured.readings.keys() == {Signal.LATENCY_REGRESSION}
        assert measured.readings[Signal.LATENCY_REGRESSION].value == pytest.approx(0.8)

    @pytest.mark.parametrize(
        "before", [None, Reading.unknown("no sample"), Reading.idle(0), Reading.number(0)], ids=str
    )
    def test_without_a_latency_before_the_regression_is_unknown(
        self, world: World, before: Reading | None
    ) -> None:
        world.says({Signal.LATENCY_P95: 0.9})

        measured = world.signals.measure(world.service, [Signal.LATENCY_REGRESSION], p95_before=before)

        assert measured.readings[Signal.LATENCY_REGRESSION].is_unknown

    def test_without_a_latency_now_the_regression_is_unknown(self, world: World) -> None:
        world.says({})

        measured = world.signals.measure(
            world.service, [Signal.LATENCY_REGRESSION], p95_before=Reading.number(0.5)
        )

        assert measured.readings[Signal.LATENCY_REGRESSION].is_unknown

    def test_the_regression_of_an_idle_service_is_idle(self, world: World) -> None:
        world.says({Signal.LATENCY_P95: 0.9}, traffic=1.0)

        measured = world.signals.measure(
            world.service, [Signal.LATENCY_REGRESSION], p95_before=Reading.number(0.5)
        )

        assert measured.readings[Signal.LATENCY_REGRESSION].kind is Kind.IDLE

    def test_each_reading_declares_how_far_it_looks_back(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.0, Signal.LATENCY_P95: 0.2})

        measured = world.signals.measure(
            world.service, [Signal.ERROR_RATE, Signal.LATENCY_REGRESSION], p95_before=Reading.number(0.2)
        )

        assert measured.windows == {Signal.ERROR_RATE: 60, Signal.LATENCY_REGRESSION: 60}
        assert measured.longest_window == 60

    def test_a_source_that_fails_makes_everything_unknown_and_raises_nothing(self, world: World) -> None:
        world.says({Signal.ERROR_RATE: 0.0})
        world.goes_away()

        measured = world.signals.measure(
            world.service,
            [Signal.ERROR_RATE, Signal.MEMORY_USAGE, Signal.LATENCY_REGRESSION],
            p95_before=Reading.number(0.5),
        )

        assert {reading.kind for reading in measured.readings.values()} == {Kind.UNKNOWN}
        assert len(measured.readings) == 3
        assert measured.traffic_per_minute.is_unknown
