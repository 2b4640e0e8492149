"""Signals and readings: what is measured of a service, and what a measurement may say.

A reading is a number, *unknown* or *idle*. Unknown is never zero and never healthy: a missing, stale,
NaN or infinite sample says nothing about the service, so no rule may treat it as good news.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Signal(StrEnum):
    """One measured quantity of a service, in base units (see `UNITS`)."""

    ERROR_RATE = "error_rate"
    HTTP_5XX_PER_MINUTE = "http_5xx_per_minute"
    LATENCY_P95 = "latency_p95"
    MEMORY_USAGE = "memory_usage"
    CPU_USAGE = "cpu_usage"
    LATENCY_REGRESSION = "latency_regression"
    CRITICAL_FUNCTION_BROKEN = "critical_function_broken"
    SECURITY_VULNERABILITY = "security_vulnerability"


class Unit(StrEnum):
    """The unit of a signal's number."""

    RATIO = "ratio"
    SECONDS = "seconds"
    PER_MINUTE = "per_minute"
    FLAG = "flag"


UNITS: Mapping[Signal, Unit] = {
    Signal.ERROR_RATE: Unit.RATIO,
    Signal.HTTP_5XX_PER_MINUTE: Unit.PER_MINUTE,
    Signal.LATENCY_P95: Unit.SECONDS,
    Signal.MEMORY_USAGE: Unit.RATIO,
    Signal.CPU_USAGE: Unit.RATIO,
    Signal.LATENCY_REGRESSION: Unit.RATIO,
    Signal.CRITICAL_FUNCTION_BROKEN: Unit.FLAG,
    Signal.SECURITY_VULNERABILITY: Unit.FLAG,
}

NEEDS_TRAFFIC = frozenset(
    {Signal.ERROR_RATE, Signal.HTTP_5XX_PER_MINUTE, Signal.LATENCY_P95, Signal.LATENCY_REGRESSION}
)
"""Signals that mean nothing without requests; memory and CPU mean something on an idle service too."""

NEVER_QUERIED = frozenset({Signal.CRITICAL_FUNCTION_BROKEN, Signal.SECURITY_VULNERABILITY})
"""Signals that no metric tells: they keep the value they came with."""


class Kind(StrEnum):
    """What a reading says."""

    NUMBER = "number"
    UNKNOWN = "unknown"
    IDLE = "idle"


@dataclass(frozen=True)
class Reading:
    """One reading of a signal: a finite number, or why there is none.

    Made by `number`, `unknown` and `idle`. Raises ValueError for a number that is none (NaN, infinite,
    missing) and for anything else that has a value: neither may ever be compared with a threshold.
    """

    kind: Kind
    value: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.kind is Kind.NUMBER:
            fits = self.value is not None and math.isfinite(self.value)
        else:
            fits = self.value is None
        if not fits:
            raise ValueError(f"a reading of kind {self.kind} cannot have the value {self.value}")

    @classmethod
    def number(cls, value: float) -> Self:
        """Return a number, or unknown when `value` is NaN or infinite."""
        if math.isnan(value):
            return cls.unknown("the value is not a number (NaN)")
        if math.isinf(value):
            return cls.unknown("the value is infinite")
        return cls(Kind.NUMBER, float(value))

    @classmethod
    def unknown(cls, why: str) -> Self:
        """Return a reading that says nothing, with the reason in words."""
        return cls(Kind.UNKNOWN, None, why)

    @classmethod
    def idle(cls, requests_per_minute: float) -> Self:
        """Return the reading of a service with too little traffic for its numbers to mean anything."""
        return cls(Kind.IDLE, None, f"{requests_per_minute:g} requests a minute")

    @property
    def is_number(self) -> bool:
        """Whether the reading can be compared with a threshold."""
        return self.kind is Kind.NUMBER

    @property
    def is_unknown(self) -> bool:
        """Whether the reading says nothing at all."""
        return self.kind is Kind.UNKNOWN


Readings = Mapping[Signal, Reading]

NOT_MEASURED = Reading.unknown("not measured")


def quieted(readings: Readings, *, traffic: Reading, minimum_per_minute: float) -> dict[Signal, Reading]:
    """Return the readings with those that need traffic made idle when there is too little of it.

    `traffic` is in requests a minute. Unknown traffic changes nothing: a number that was measured stays.
    """
    if traffic.value is None or traffic.value >= minimum_per_minute:
        return dict(readings)
    idle = Reading.idle(traffic.value)
    return {signal: idle if signal in NEEDS_TRAFFIC else reading for signal, reading in readings.items()}


def merged(carried: Readings, live: Readings) -> dict[Signal, Reading]:
    """Return what is known of each signal: live beats what an alert carried.

    A signal that was measured live keeps its live reading even if that is unknown: a number from some
    minutes ago must not stand in for a measurement that failed.
    """
    return {**carried, **live}


def regression(now: Reading, before: Reading) -> Reading:
    """Return how much a latency grew against the revision before, as a ratio (0.5 is 50 % slower)."""
    if now.value is None or before.value is None:
        return now if now.kind is Kind.IDLE else Reading.unknown("no latency before and after to compare")
    if before.value <= 0:
        return Reading.unknown("the latency before was zero")
    return Reading.number(now.value / before.value - 1)
