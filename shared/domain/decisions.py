"""Decisions: readings scored against the matrix, with every row's verdict kept.

Several rows may match: the most urgent action and the highest severity win, and all matches stay on the
decision so that anyone can see why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.matrix import SOON_SECONDS, Action, Matrix, Row, Severity
from shared.domain.signals import NOT_MEASURED, Reading, Readings, Signal


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

    `score` orders decisions: severity first, then how far past the threshold at which the signal has that
    severity (0 when nothing matched).
    `deadline_seconds` counts from accept; None where what is done has no deadline. `asks` is true when no
    automatic row justifies a rollback by itself and one that wants a person's word does.
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
    def acts(self) -> Action:
        """What is done: `action`, or the rollback that rows which need nobody's word justify by themselves.

        A row that wants approval never holds up such a rollback; adding capacity is none, so then it asks.
        """
        return _unasked(self.matched) or self.action


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
    action = _most_urgent(matched) or Action.NONE
    unasked = _unasked(matched)
    severity = max((row.severity for row in matched), key=lambda s: s.weight)
    return Decision(
        action=action,
        severity=severity,
        score=_score(rows, severity),
        deadline_seconds=_DEADLINES[unasked or action],
        asks=unasked is None and any(row.asks for row in matched if row.action is action),
        rows=rows,
        matrix_version=matrix.version,
    )


def _unasked(matched: Sequence[RowVerdict]) -> Action | None:
    """Return the rollback that is justified without a person's word, if one is; else None."""
    action = _most_urgent([row for row in matched if not row.asks])
    return action if action in {Action.ROLLBACK_SOON, Action.ROLLBACK_NOW} else None


def _most_urgent(rows: Sequence[RowVerdict]) -> Action | None:
    return max((row.action for row in rows), key=lambda action: action.urgency, default=None)


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
    if reading.value is None:
        return Verdict.UNKNOWN if reading.is_unknown else Verdict.IDLE
    if reading.value <= threshold:
        return Verdict.BELOW
    if upper is not None and reading.value > upper:
        return Verdict.ABOVE
    return Verdict.MATCHED


def _score(rows: tuple[RowVerdict, ...], severity: Severity) -> int:
    alike = [row for row in rows if row.severity is severity]
    worst = max(_excess(row, alike) for row in alike if row.verdict is Verdict.MATCHED)
    return severity.weight * 1000 + worst


def _excess(row: RowVerdict, alike: list[RowVerdict]) -> int:
    """Return how far a reading is past where its signal became as severe, 0 to 999.

    Counted from there and not from the row's own threshold, it grows with the reading also where two rows
    of one signal are equally severe.
    """
    begins = min(other.threshold for other in alike if other.signal is row.signal)
    value = row.reading.value or 0.0
    return min(999, int(1000 * (1 - begins / value)))
