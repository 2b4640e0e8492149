"""Decisions: readings scored against the matrix, with every row's verdict kept.

Several rows may match: the most urgent action and the highest severity win, and all matches stay on the
decision so that anyone can see why.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.matrix import SOON_SECONDS, Action, Matrix, Row, Severity
from shared.domain.signals import NOT_MEASURED, Kind, Reading, Readings, Signal


class Verdict(StrEnum):
    """What a row says of its reading."""

    MATCHED = "matched"
    BELOW = "below"
    ABOVE = "above"  # past the row's upper bound: a stricter row of the same signal took over
    UNKNOWN = "unknown"
    IDLE = "idle"


@dataclass(frozen=True)
class RowVerdict:
    """One row of the matrix with the reading it was given and what came of it."""

    row: str
    signal: Signal
    reading: Reading
    threshold: float
    upper_bound: float | None
    verdict: Verdict
    action: Action
    severity: Severity
    asks: bool


@dataclass(frozen=True)
class Decision:
    """What the matrix says of a set of readings.

    `score` orders decisions: severity first, then how far past the threshold (0 when nothing matched).
    `deadline_seconds` counts from accept; None where the action has no deadline. `asks` is true when no
    automatic row justifies the action by itself.
    """

    action: Action
    severity: Severity | None
    score: int
    deadline_seconds: float | None
    asks: bool
    rows: tuple[RowVerdict, ...]
    matrix_version: str

    @property
    def matched(self) -> tuple[RowVerdict, ...]:
        """The rows that matched."""
        return tuple(row for row in self.rows if row.verdict is Verdict.MATCHED)

    @property
    def unknown(self) -> tuple[RowVerdict, ...]:
        """The rows whose reading said nothing."""
        return tuple(row for row in self.rows if row.verdict is Verdict.UNKNOWN)


_DEADLINES = {
    Action.NONE: None,
    Action.SCALE_THEN_ROLLBACK: None,
    Action.ROLLBACK_SOON: SOON_SECONDS,
    Action.ROLLBACK_NOW: 0.0,
}


def decide(matrix: Matrix, readings: Readings) -> Decision:
    """Score readings against the matrix; a signal without a reading counts as unknown."""
    rows = tuple(_judge(matrix, row, readings.get(row.signal, NOT_MEASURED)) for row in matrix.rows)
    matched = [row for row in rows if row.verdict is Verdict.MATCHED]
    if not matched:
        return Decision(Action.NONE, None, 0, None, False, rows, matrix.version)
    action = max((row.action for row in matched), key=lambda a: a.urgency)
    severity = max((row.severity for row in matched), key=lambda s: s.weight)
    return Decision(
        action=action,
        severity=severity,
        score=_score(matched, severity),
        deadline_seconds=_DEADLINES[action],
        asks=all(row.asks for row in matched if row.action is action),
        rows=rows,
        matrix_version=matrix.version,
    )


def _judge(matrix: Matrix, row: Row, reading: Reading) -> RowVerdict:
    upper = matrix.upper_bound(row)
    return RowVerdict(
        row=row.name,
        signal=row.signal,
        reading=reading,
        threshold=row.threshold,
        upper_bound=upper,
        verdict=_verdict(reading, row.threshold, upper),
        action=row.action,
        severity=row.severity,
        asks=row.asks,
    )


def _verdict(reading: Reading, threshold: float, upper: float | None) -> Verdict:
    if reading.kind is Kind.UNKNOWN or (reading.kind is Kind.NUMBER and reading.value is None):
        return Verdict.UNKNOWN
    if reading.kind is Kind.IDLE or reading.value is None:
        return Verdict.IDLE
    if reading.value <= threshold:
        return Verdict.BELOW
    if upper is not None and reading.value > upper:
        return Verdict.ABOVE
    return Verdict.MATCHED


def _score(matched: list[RowVerdict], severity: Severity) -> int:
    worst = max(_excess(row) for row in matched if row.severity is severity)
    return severity.weight * 1000 + worst


def _excess(row: RowVerdict) -> int:
    """Return how far past the threshold a reading is, 0 to 999, growing with the reading."""
    value = row.reading.value or 0.0
    return min(999, int(1000 * (1 - row.threshold / value))) if value > 0 else 0
