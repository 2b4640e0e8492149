"""Prometheus durations: `5s`, `1h30m`, `250ms`."""

import re

_UNIT_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def parse_duration_ms(text: str) -> int:
    """Read a duration as milliseconds; raise `ValueError` for anything else."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a valid duration string: {text!r}")
    return sum(int(number) * _UNIT_MS[unit] for number, unit in parts)
