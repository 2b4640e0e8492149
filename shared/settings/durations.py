"""Durations, as Prometheus writes them: ``90s``, ``3m``, ``1h30m``; a plain number is seconds."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_PLAIN = re.compile(r"[0-9]{1,9}(?:\.[0-9]+)?")
_LONGEST_TEXT = 40


class Seconds(float):
    """A duration of the configuration, in seconds."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Seconds":
        """Read a duration. Raises ValueError for what is none."""
        if not isinstance(value, str):
            raise ValueError("expected a duration, like 90s, 3m or 1h30m")  # noqa: TRY004 - told with its path
        text = value.strip()
        if _PLAIN.fullmatch(text):
            return cls(text)
        parts = _PART.findall(text[:_LONGEST_TEXT])
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"expected a duration, like 90s, 3m or 1h30m; found {text[:_LONGEST_TEXT]!r}")
        return cls(sum(float(number) * _UNITS[unit] for number, unit in parts))
