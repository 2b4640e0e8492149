"""Limits: how short and how long each time may be, and what a threshold may be."""

import re
from collections.abc import Mapping
from dataclasses import fields

from shared.domain.services import Timing
from shared.domain.signals import UNITS, Signal, Unit
from shared.settings.durations import Seconds

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

LIMITS: Mapping[str, tuple[float, float]] = {
    "assess": (1, HOUR),
    "approve": (1, 7 * DAY),
    "hold": (0, 3 * MINUTE),
    "settle": (0, HOUR),
    "rollback": (1, HOUR),
    "verify": (1, HOUR),
    "stabilise": (1, 6 * HOUR),
    "poll": (0.05, 5 * MINUTE),
    "scrape": (0.05, 10 * MINUTE),
    "cooldown": (0, 7 * DAY),
    "recent_rollout": (1, 365 * DAY),
}
"""Least and most seconds. `hold` ends in time for the runbook's "rollback within 5 min"."""


def out_of_limits(timing: Timing) -> list[str]:
    """Return what is wrong with the times, each as ``key: sentence``."""
    wrong = []
    for field in fields(timing):
        least, most = LIMITS[field.name]
        seconds = getattr(timing, field.name)
        if not least <= seconds <= most:
            wrong.append(f"{field.name}: expected {shown(least)} to {shown(most)}; found {shown(seconds)}")
    if timing.stabilise < 2 * timing.poll:
        wrong.append(f"stabilise: expected at least two polls ({shown(2 * timing.poll)})")
    if timing.verify < timing.poll:
        wrong.append(f"verify: expected at least one poll ({shown(timing.poll)})")
    return wrong


def shown(seconds: float) -> str:
    """Return a duration as one would write it."""
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_PER_MINUTE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*min")


def threshold(text: str, signal: Signal) -> float:
    """Read a threshold of a signal in its unit: ``8%`` or ``0.08``, ``4s``, ``120`` or ``120/min``.

    Raises ValueError for another unit, and for a ratio above 1 that is not a regression's: ``8`` may mean
    8 % or 800 %.
    """
    text = text.strip()
    unit = UNITS[signal]
    if unit is Unit.FLAG:
        raise ValueError(f"{signal} is true or false and has no threshold")
    if unit is Unit.SECONDS:
        return float(Seconds.parse(text))
    if unit is Unit.PER_MINUTE:
        counted = _PER_MINUTE.fullmatch(text)
        return _number(counted[1] if counted else text, "a count a minute, like 120")
    percent = text.endswith("%")
    ratio = _number(text.removesuffix("%").strip(), "a ratio, like 8% or 0.08") / (100 if percent else 1)
    if ratio > 1 and signal is not Signal.LATENCY_REGRESSION:
        raise ValueError(f"expected a ratio up to 1, like 8% or 0.08; found {text!r}")
    return ratio


def _number(text: str, wanted: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected {wanted}; found {text[:40]!r}")
    return float(text)
