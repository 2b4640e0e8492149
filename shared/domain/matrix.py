"""The decision matrix: rows of (signal, threshold, action, severity).

Source: the runbook's "Decision Matrix", and for the last three rows its "When to use". Thresholds are
exclusive: a reading at the threshold does not match the row.
"""

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.signals import Signal


class Action(StrEnum):
    """What a row calls for."""

    NONE = "none"
    SCALE_THEN_ROLLBACK = "scale_then_rollback"
    ROLLBACK_SOON = "rollback_soon"
    ROLLBACK_NOW = "rollback_now"

    @property
    def urgency(self) -> int:
        """How urgent the action is; the most urgent of several wins."""
        return list(Action).index(self)


class Severity(StrEnum):
    """Incident severity, P0 the highest."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"

    @property
    def weight(self) -> int:
        """How heavy the severity weighs in a score; more is worse."""
        return {Severity.P0: 3, Severity.P1: 2, Severity.P2: 1}[self]


SOON_SECONDS = 300.0
"""The runbook's "rollback within 5 min"."""


@dataclass(frozen=True)
class Row:
    """One row: it matches when the signal's number is above the threshold.

    Of several rows of one signal only the one with the highest threshold passed matches, so that "raised"
    ends where "high" begins, also after one of them was moved or switched off. `asks` rows want a person.
    """

    name: str
    signal: Signal
    threshold: float
    action: Action
    severity: Severity
    asks: bool = False


DEFAULT_ROWS = (
    Row("error_rate_high", Signal.ERROR_RATE, 0.10, Action.ROLLBACK_NOW, Severity.P0),
    Row("error_rate_raised", Signal.ERROR_RATE, 0.05, Action.ROLLBACK_SOON, Severity.P1),
    Row("latency_p95", Signal.LATENCY_P95, 5.0, Action.ROLLBACK_NOW, Severity.P1),
    Row("memory_usage", Signal.MEMORY_USAGE, 0.95, Action.SCALE_THEN_ROLLBACK, Severity.P2),
    Row("cpu_usage", Signal.CPU_USAGE, 0.90, Action.SCALE_THEN_ROLLBACK, Severity.P2),
    Row("http_5xx_per_minute", Signal.HTTP_5XX_PER_MINUTE, 100.0, Action.ROLLBACK_NOW, Severity.P0),
    Row("latency_regression", Signal.LATENCY_REGRESSION, 0.50, Action.ROLLBACK_SOON, Severity.P1),
    Row("critical_function_broken", Signal.CRITICAL_FUNCTION_BROKEN, 0.0, Action.ROLLBACK_NOW, Severity.P0),
    Row(
        "security_vulnerability",
        Signal.SECURITY_VULNERABILITY,
        0.0,
        Action.ROLLBACK_NOW,
        Severity.P0,
        asks=True,
    ),
)


@dataclass(frozen=True)
class Matrix:
    """The rows in force for a service, with a version that names exactly these rows.

    Raises ValueError where a worse reading would give a milder decision, for a threshold that is no finite
    number of 0 or more, and for a name used twice.
    """

    rows: tuple[Row, ...] = DEFAULT_ROWS

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"the matrix has several rows named {', '.join(sorted(twice))}")
        for row in self.rows:
            if not (math.isfinite(row.threshold) and row.threshold >= 0):
                raise ValueError(
                    f"the threshold of row {row.name} is {row.threshold}, not a number from 0 up"
                )
            self._check_milder_below(row)

    def _check_milder_below(self, row: Row) -> None:
        for lower in self.rows:
            if lower.signal is not row.signal or lower is row:
                continue
            if lower.threshold == row.threshold:
                raise ValueError(f"rows {lower.name} and {row.name} have the same threshold")
            if lower.threshold < row.threshold and (
                lower.action.urgency > row.action.urgency or lower.severity.weight > row.severity.weight
            ):
                raise ValueError(
                    f"row {row.name} (above {row.threshold:g}) is milder than {lower.name} "
                    f"(above {lower.threshold:g}): a worse reading must not give a milder decision"
                )

    @property
    def version(self) -> str:
        """A short hash of the rows in whatever order, written on every decision."""
        rows = [
            (r.name, r.signal.value, float(r.threshold), r.action.value, r.severity.value, r.asks)
            for r in self.rows
        ]
        return hashlib.sha256(repr(sorted(rows)).encode()).hexdigest()[:12]

    def upper_bound(self, row: Row) -> float | None:
        """Return where the next row of the same signal takes over, or None for the highest."""
        above = [r.threshold for r in self.rows if r.signal is row.signal and r.threshold > row.threshold]
        return min(above, default=None)
