"""A signal source that says what the test wrote down."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.services import Service
from shared.domain.signals import NEEDS_TRAFFIC, NEVER_QUERIED, Reading, Readings, Signal, quieted
from shared.ports import Measured

NOTHING = Reading.unknown("the test set no reading")


@dataclass(frozen=True)
class Told:
    """What the source says from one moment on; signals that are not in it are unknown."""

    readings: Readings = field(default_factory=dict)
    traffic: Reading = NOTHING


@dataclass(frozen=True)
class Call:
    """One call of `measure`."""

    service: str
    wanted: frozenset[Signal]
    at: datetime | None


Script = Callable[[datetime | None], Told]
"""Answers by the time that is asked about; None is the present."""


class FakeSignals:
    """Answers from `script`, or from what `says` has set, and keeps its `calls`.

    Without a script, the past is what was last set at or before the time asked about; before that,
    everything is unknown.
    """

    def __init__(self, script: Script | None = None, *, window_seconds: float = 60.0) -> None:
        self.calls: list[Call] = []
        self.window_seconds = window_seconds
        self._script = script or self._written
        self._present = Told()
        self._past: dict[datetime, Told] = {}

    def says(
        self,
        readings: Mapping[Signal, float | Reading],
        *,
        traffic: float | Reading = 600.0,
        at: datetime | None = None,
    ) -> None:
        """Set what is read now, or from `at` on; a value of NaN is unknown. Replaces what was set before."""
        told = Told({signal: _reading(value) for signal, value in readings.items()}, _reading(traffic))
        if at is None:
            self._present = told
        else:
            self._past[at] = told

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        self.calls.append(Call(service.name, frozenset(wanted), at))
        told = self._script(at)
        asked = [signal for signal in wanted if signal not in NEVER_QUERIED]
        readings = {signal: told.readings.get(signal, NOTHING) for signal in asked}
        if Signal.LATENCY_REGRESSION in asked and Signal.LATENCY_REGRESSION not in told.readings:
            p95 = told.readings.get(Signal.LATENCY_P95, NOTHING)
            readings[Signal.LATENCY_REGRESSION] = _regression(p95, p95_before)
        traffic = told.traffic if NEEDS_TRAFFIC & set(asked) else NOTHING
        return Measured(
            readings=quieted(readings, traffic=traffic, minimum_per_minute=service.min_requests_per_minute),
            traffic_per_minute=traffic,
            windows=dict.fromkeys(asked, self.window_seconds),
        )

    def _written(self, at: datetime | None) -> Told:
        if at is None:
            return self._present
        before = [moment for moment in self._past if moment <= at]
        return self._past[max(before)] if before else Told()


def _reading(value: float | Reading) -> Reading:
    return value if isinstance(value, Reading) else Reading.number(value)


def _regression(now: Reading, before: Reading | None) -> Reading:
    if now.value is None or before is None or not before.value:
        return Reading.unknown("no two latencies to compare")
    return Reading.number(now.value / before.value - 1)
