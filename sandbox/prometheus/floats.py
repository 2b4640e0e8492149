"""Numbers as text, the three ways in which Prometheus's API and templates write them."""

import math
from decimal import Decimal

# Go's %v turns to an exponent below 1e-4 and from 1e6 on.
_PLAIN_EXPONENTS = range(-4, 6)


def plain(value: float) -> str:
    """Write without an exponent, as sample values are: `0.25`, `3`, `NaN`, `+Inf`."""
    return _special(value) or _without_point_zero(format(Decimal(repr(value)), "f"))


def scientific(value: float) -> str:
    """Write with an exponent, as the value of an alert is: `2.5e-01`."""
    return _special(value) or _pad_exponent(format(Decimal(repr(value)).normalize(), "e"))


def in_template(value: float) -> str:
    """Write as `{{ $value }}` expands: plain while that is short."""
    wide = math.isfinite(value) and value and Decimal(repr(value)).adjusted() not in _PLAIN_EXPONENTS
    return scientific(value) if wide else plain(value)


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "" if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


def _without_point_zero(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _pad_exponent(text: str) -> str:
    digits, _, exponent = text.partition("e")
    return f"{digits}e{exponent[0]}{exponent[1:].zfill(2)}"
