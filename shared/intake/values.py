"""Values: the numbers that alerts and people send, with their units checked and never guessed.

A text that does not fit the unit of its signal makes the reading unknown and says why: a wrong guess
between 12 and 12 % would roll back a healthy service or leave a broken one alone.
"""

import math
import re
from collections.abc import Mapping

from shared.domain.signals import UNITS, Reading, Signal, Unit

NO_VALUE = Reading.unknown("the alert carries no value")

AT_MOST: Mapping[Signal, float] = {
    Signal.ERROR_RATE: 1.0,
    Signal.MEMORY_USAGE: 2.0,
    Signal.CPU_USAGE: 2.0,
}
"""The largest ratio that makes sense. Usage may pass its limit a little; a regression has no bound."""

_Scale = tuple[float, float]  # times, divided by: 12 % is 12 * 1 / 100, exactly what 0.12 is

_SCALES: Mapping[Unit, Mapping[str, _Scale]] = {
    Unit.RATIO: {"": (1, 1), "%": (1, 100), "percent": (1, 100)},
    Unit.SECONDS: {
        **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), (1, 1)),
        **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), (1, 1e3)),
        **dict.fromkeys(("us", "µs", "μs", "microsecond", "microseconds"), (1, 1e6)),
        **dict.fromkeys(("min", "minute", "minutes"), (60, 1)),
    },
    Unit.PER_MINUTE: {
        **dict.fromkeys(("", "/min", "/minute", "per min", "per minute"), (1, 1)),
        **dict.fromkeys(("/s", "/sec", "/second", "per s", "per sec", "per second"), (60, 1)),
        **dict.fromkeys(("/h", "/hour", "per hour"), (1, 60)),
    },
}
_SHAPES: Mapping[Unit, str] = {
    Unit.RATIO: "a ratio, like 0.12 or 12%",
    Unit.SECONDS: "a time, like 1.2, 1.2s or 350ms",
    Unit.PER_MINUTE: "a rate, like 120, 120/min or 2/s",
    Unit.FLAG: "true or false",
}
_FLAGS: Mapping[str, float] = {
    **dict.fromkeys(("true", "yes", "on", "1"), 1.0),
    **dict.fromkeys(("false", "no", "off", "0"), 0.0),
}

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"({_NUMBER}|[+-]?inf|nan)\s*(.*)", re.IGNORECASE | re.DOTALL)
_COUNTED = re.compile(r"[a-z0-9]+\s*(?=/|per\s)")  # the "errors" of "12 errors/min"
_LONG_TIME = re.compile(r"(?:([0-9]+)d\s*)?(?:([0-9]+)h\s*)?(?:([0-9]+)m\s*)?([0-9]+(?:\.[0-9]+)?)s")
_LONGEST_TEXT = 80


def reading(text: str, signal: Signal) -> Reading:
    """Read a text that is nothing but a value: ``0.12``, ``12 %``, ``350ms``, ``2/s``, ``true``.

    Times may be written as Prometheus's humanizeDuration does (``1m 30s``). Thousands separators are not
    read: ``1,200`` is 1.2 in half the world.
    """
    text = text.strip()
    unit = UNITS[signal]
    if not text:
        return Reading.unknown("the value is empty")
    if len(text) > _LONGEST_TEXT:
        return Reading.unknown("the value is too long to be a number")
    if unit is Unit.FLAG:
        flag = _FLAGS.get(text.lower())
        return _misfit(text, unit) if flag is None else Reading.number(flag)
    long_time = _LONG_TIME.fullmatch(text) if unit is Unit.SECONDS else None
    if long_time:
        parts = [float(part or 0) for part in long_time.groups()]
        return Reading.number(sum(p * s for p, s in zip(parts, (86400, 3600, 60, 1), strict=True)))
    found = _QUANTITY.fullmatch(text)
    scale = _scale(found[2], unit) if found else None
    if found is None or scale is None:
        return _misfit(text, unit)
    times, divided_by = scale
    return _bounded(float(found[1]) * times / divided_by, signal)


def number(value: float, signal: Signal) -> Reading:
    """Check a number that came as one, in the base unit of its signal; a flag is 0 or 1."""
    if UNITS[signal] is Unit.FLAG and value not in {0, 1}:
        return _misfit(f"{value:g}", Unit.FLAG)
    return _bounded(float(value), signal)


def leading(text: str, signal: Signal) -> Reading:
    """Read the value that a description begins with: ``12.5% of the requests fail``.

    A number that runs on into a word which is no unit of the signal (``5 pods``, ``5xx``, ``1.4.2``) is
    something else, and unknown.
    """
    unit = UNITS[signal]
    if unit is Unit.FLAG:
        return NO_VALUE
    found = _LEADING[unit].match(text)
    if found is None:
        return NO_VALUE
    if not found["unit"] and not _ENDS.match(found["rest"]):
        return _misfit(text, unit)
    return reading(found["number"] + (found["unit"] or ""), signal)


_ENDS = re.compile(r"\s*(?:$|[;:()=]|[,.](?![0-9])|(?:of|for|is|was|in|on|at|over|above)\b)", re.IGNORECASE)


def _leading(unit: Unit) -> re.Pattern[str]:
    spelled = "|".join(re.escape(s) for s in sorted(_SCALES[unit], key=len, reverse=True) if s)
    counted = r"(?:[a-z]+\s*)?(?=/|per\s)" if unit is Unit.PER_MINUTE else ""
    units = rf"\s*{counted}(?:{spelled})(?![0-9a-z/%])"
    return re.compile(rf"\s*(?P<number>{_NUMBER})(?P<unit>{units})?(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


_LEADING: Mapping[Unit, re.Pattern[str]] = {unit: _leading(unit) for unit in _SCALES}


def _scale(text: str, unit: Unit) -> _Scale | None:
    spelled = " ".join(text.lower().split())
    if unit is Unit.PER_MINUTE:
        spelled = _COUNTED.sub("", spelled, count=1)
    return _SCALES[unit].get(spelled)


def _bounded(value: float, signal: Signal) -> Reading:
    if value < 0:
        return Reading.unknown(f"{value:g} is negative")
    bound = AT_MOST.get(signal, math.inf)
    if value > bound and not math.isinf(value):
        hint = f"; write {value:g}% or {value / 100:g}" if value <= 100 * bound else ""
        return Reading.unknown(f"{value:g} is not a ratio between 0 and {bound:g}{hint}")
    return Reading.number(value)


def _misfit(text: str, unit: Unit) -> Reading:
    return Reading.unknown(f"{text[:_LONGEST_TEXT]!r} is not {_SHAPES[unit]}")
