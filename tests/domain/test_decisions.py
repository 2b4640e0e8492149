import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.decisions import Decision, Verdict, decide
from shared.domain.matrix import DEFAULT_ROWS, Action, Matrix, Row, Severity
from shared.domain.signals import Reading, Readings, Signal
from tests.domain import strategies
from tests.domain.examples import numbers

JUST_OVER = [(row, math.nextafter(row.threshold, math.inf)) for row in DEFAULT_ROWS]


def verdicts(decision: Decision) -> dict[str, Verdict]:
    return {row.row: row.verdict for row in decision.rows}


def harshness(decision: Decision) -> tuple[int, int, int, float]:
    """Return what must never get less as readings get worse; what waits for a person has no deadline."""
    severity = decision.severity.weight if decision.severity else 0
    timed = decision.deadline_seconds is not None and not decision.asks
    deadline = -(decision.deadline_seconds or 0.0) if timed else -math.inf
    return decision.action.urgency, severity, decision.score, deadline


def milder(one: Decision, other: Decision) -> bool:
    return any(a < b for a, b in zip(harshness(one), harshness(other), strict=True))


@pytest.mark.parametrize(
    ("signal", "value", "row", "action", "severity"),
    [
        (Signal.ERROR_RATE, 0.05, None, Action.NONE, None),
        (Signal.ERROR_RATE, 0.0500001, "error_rate_raised", Action.ROLLBACK_SOON, Severity.P1),
        (Signal.ERROR_RATE, 0.10, "error_rate_raised", Action.ROLLBACK_SOON, Severity.P1),
        (Signal.ERROR_RATE, 0.1000001, "error_rate_high", Action.ROLLBACK_NOW, Severity.P0),
        (Signal.ERROR_RATE, 1.0, "error_rate_high", Action.ROLLBACK_NOW, Severity.P0),
        (Signal.LATENCY_P95, 5.0, None, Action.NONE, None),
        (Signal.LATENCY_P95, 5.0000001, "latency_p95", Action.ROLLBACK_NOW, Severity.P1),
        (Signal.MEMORY_USAGE, 0.95, None, Action.NONE, None),
        (Signal.MEMORY_USAGE, 0.9500001, "memory_usage", Action.SCALE_THEN_ROLLBACK, Severity.P2),
        (Signal.CPU_USAGE, 0.90, None, Action.NONE, None),
        (Signal.CPU_USAGE, 0.9000001, "cpu_usage", Action.SCALE_THEN_ROLLBACK, Severity.P2),
        (Signal.HTTP_5XX_PER_MINUTE, 100.0, None, Action.NONE, None),
        (Signal.HTTP_5XX_PER_MINUTE, 100.0000001, "http_5xx_per_minute", Action.ROLLBACK_NOW, Severity.P0),
        (Signal.LATENCY_REGRESSION, 0.50, None, Action.NONE, None),
        (Signal.LATENCY_REGRESSION, 0.5000001, "latency_regression", Action.ROLLBACK_SOON, Severity.P1),
        (Signal.CRITICAL_FUNCTION_BROKEN, 0.0, None, Action.NONE, None),
        (Signal.CRITICAL_FUNCTION_BROKEN, 1.0, "critical_function_broken", Action.ROLLBACK_NOW, Severity.P0),
        (Signal.SECURITY_VULNERABILITY, 0.0, None, Action.NONE, None),
        (Signal.SECURITY_VULNERABILITY, 1.0, "security_vulnerability", Action.ROLLBACK_NOW, Severity.P0),
    ],
)
def test_a_reading_at_the_threshold_does_not_match_and_one_past_it_does(
    signal: Signal, value: float, row: str | None, action: Action, severity: Severity | None
) -> None:
    decision = decide(Matrix(), numbers({signal: value}))
    assert (decision.action, decision.severity) == (action, severity)
    assert [matched.row for matched in decision.matched] == ([row] if row else [])


@pytest.mark.parametrize(("row", "value"), JUST_OVER, ids=[row.name for row in DEFAULT_ROWS])
def test_the_smallest_step_past_a_threshold_matches(row: Row, value: float) -> None:
    assert [r.row for r in decide(Matrix(), numbers({row.signal: value})).matched] == [row.name]


@pytest.mark.parametrize("row", DEFAULT_ROWS, ids=[row.name for row in DEFAULT_ROWS])
@pytest.mark.parametrize("value", [0.11, 1.0, 1e9])
def test_a_row_switched_off_never_matches(row: Row, value: float) -> None:
    off = Matrix(tuple(other for other in DEFAULT_ROWS if other is not row))
    decision = decide(off, numbers(dict.fromkeys(Signal, value)))
    assert row.name not in verdicts(decision)


def test_the_row_below_takes_over_when_the_one_above_is_off() -> None:
    off = Matrix(tuple(row for row in DEFAULT_ROWS if row.name != "error_rate_high"))
    assert decide(off, numbers({Signal.ERROR_RATE: 0.9})).action is Action.ROLLBACK_SOON


def test_every_row_is_kept_with_its_reading_threshold_and_verdict() -> None:
    readings = {
        Signal.ERROR_RATE: Reading.number(0.2),
        Signal.LATENCY_P95: Reading.idle(3),
        Signal.MEMORY_USAGE: Reading.number(0.5),
        Signal.CPU_USAGE: Reading.unknown("no limit is set"),
    }
    decision = decide(Matrix(), readings)
    assert verdicts(decision) == {
        "error_rate_high": Verdict.MATCHED,
        "error_rate_raised": Verdict.ABOVE,
        "latency_p95": Verdict.IDLE,
        "memory_usage": Verdict.BELOW,
        "cpu_usage": Verdict.UNKNOWN,
        "http_5xx_per_minute": Verdict.UNKNOWN,
        "latency_regression": Verdict.UNKNOWN,
        "critical_function_broken": Verdict.UNKNOWN,
        "security_vulnerability": Verdict.UNKNOWN,
    }
    raised = decision.rows[1]
    assert (raised.threshold, raised.upper_bound, raised.reading) == (0.05, 0.10, Reading.number(0.2))
    assert decision.matrix_version == Matrix().version


def test_the_most_urgent_action_and_the_highest_severity_win_and_all_matches_are_kept() -> None:
    decision = decide(Matrix(), numbers({Signal.HTTP_5XX_PER_MINUTE: 200, Signal.CPU_USAGE: 0.99}))
    assert (decision.action, decision.severity) == (Action.ROLLBACK_NOW, Severity.P0)
    assert [row.row for row in decision.matched] == ["cpu_usage", "http_5xx_per_minute"]


@pytest.mark.parametrize(
    ("signal", "value", "deadline"),
    [
        (Signal.ERROR_RATE, 0.2, 0.0),
        (Signal.ERROR_RATE, 0.08, 300.0),
        (Signal.CPU_USAGE, 0.95, None),
        (Signal.CPU_USAGE, 0.1, None),
    ],
)
def test_the_deadline_is_the_actions(signal: Signal, value: float, deadline: float | None) -> None:
    assert decide(Matrix(), numbers({signal: value})).deadline_seconds == deadline


def test_a_row_that_wants_a_person_asks() -> None:
    assert decide(Matrix(), numbers({Signal.SECURITY_VULNERABILITY: 1})).asks


def test_an_automatic_row_of_the_same_action_is_not_held_up_by_one_that_asks() -> None:
    both = numbers({Signal.SECURITY_VULNERABILITY: 1, Signal.ERROR_RATE: 0.2})
    assert not decide(Matrix(), both).asks


def test_an_automatic_row_that_does_not_justify_the_action_by_itself_leaves_the_question() -> None:
    both = numbers({Signal.SECURITY_VULNERABILITY: 1, Signal.CPU_USAGE: 0.99})
    decision = decide(Matrix(), both)
    assert decision.asks
    assert decision.action is Action.ROLLBACK_NOW


def test_a_slower_rollback_that_needs_no_person_is_not_held_up_by_a_faster_one_that_does() -> None:
    both = numbers({Signal.SECURITY_VULNERABILITY: 1, Signal.ERROR_RATE: 0.06})
    decision = decide(Matrix(), both)
    assert (decision.action, decision.acts) == (Action.ROLLBACK_NOW, Action.ROLLBACK_SOON)
    assert not decision.asks
    assert decision.deadline_seconds == 300


def test_no_rows_decide_nothing() -> None:
    decision = decide(Matrix(()), numbers(dict.fromkeys(Signal, 1e9)))
    assert (decision.action, decision.severity, decision.score, decision.rows) == (Action.NONE, None, 0, ())


def test_the_score_grows_with_how_far_past_the_threshold_the_reading_is() -> None:
    scores = [
        decide(Matrix(), numbers({Signal.ERROR_RATE: v})).score for v in (0.05, 0.06, 0.1, 0.11, 0.2, 1)
    ]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert 2000 <= scores[1] < scores[2] < 3000 <= scores[3] < scores[4] < scores[5] < 4000


def test_the_score_does_not_fall_where_a_stricter_row_of_the_same_severity_takes_over() -> None:
    row = Row("lower", Signal.CPU_USAGE, 0.1, Action.ROLLBACK_SOON, Severity.P1)
    matrix = Matrix((row, replace(row, name="upper", threshold=0.9, action=Action.ROLLBACK_NOW)))
    lower, upper = (decide(matrix, numbers({Signal.CPU_USAGE: v})) for v in (0.90, 0.91))
    assert (lower.matched[0].row, upper.matched[0].row) == ("lower", "upper")
    assert lower.score <= upper.score


@given(
    strategies.matrices,
    strategies.read,
    strategies.signals,
    st.lists(strategies.values, min_size=2, max_size=2),
)
def test_a_worse_reading_never_gives_a_milder_decision(
    matrix: Matrix, others: Readings, signal: Signal, pair: list[float]
) -> None:
    better, worse = (decide(matrix, {**others, signal: Reading.number(v)}) for v in sorted(pair))
    assert not milder(worse, better)


@given(strategies.matrices, strategies.read, strategies.signals, strategies.unknown)
def test_a_reading_that_becomes_unknown_never_makes_other_rows_matches_milder(
    matrix: Matrix, readings: Readings, signal: Signal, unknown: Reading
) -> None:
    without = decide(matrix, {s: r for s, r in readings.items() if s is not signal})
    decision = decide(matrix, {**readings, signal: unknown})
    assert harshness(decision) == harshness(without)
    assert {row.row for row in decision.matched} == {
        row.row for row in decide(matrix, readings).matched if row.signal is not signal
    }


@given(strategies.matrices, st.dictionaries(strategies.signals, strategies.unknown))
def test_what_is_unknown_is_never_said_to_be_below(matrix: Matrix, readings: Readings) -> None:
    decision = decide(matrix, readings)
    assert {row.verdict for row in decision.rows} <= {Verdict.UNKNOWN}
    assert decision.action is Action.NONE


@given(strategies.matrices, strategies.read)
def test_a_row_matches_only_on_a_number_past_its_threshold(matrix: Matrix, readings: Readings) -> None:
    for row in decide(matrix, readings).matched:
        assert row.reading.value is not None
        assert row.reading.value > row.threshold


@given(strategies.matrices, strategies.read)
def test_at_most_one_row_of_a_signal_matches_and_one_does_if_any_threshold_is_passed(
    matrix: Matrix, readings: Readings
) -> None:
    matched = [row.signal for row in decide(matrix, readings).matched]
    assert len(matched) == len(set(matched))
    passed = {
        row.signal
        for row in matrix.rows
        if row.signal in readings and (readings[row.signal].value or 0.0) > row.threshold
    }
    assert set(matched) == passed


@given(strategies.matrices, strategies.read, st.randoms(use_true_random=False))
def test_the_order_of_readings_and_rows_changes_nothing(
    matrix: Matrix, readings: Readings, chance: Random
) -> None:
    items, rows = list(readings.items()), list(matrix.rows)
    chance.shuffle(items)
    chance.shuffle(rows)
    shuffled, decision = decide(Matrix(tuple(rows)), dict(items)), decide(matrix, readings)
    assert replace(shuffled, rows=decision.rows) == decision
    assert set(shuffled.rows) == set(decision.rows)


@given(strategies.matrices, strategies.matrices, strategies.read, strategies.read)
def test_scores_order_by_severity_first(one: Matrix, other: Matrix, some: Readings, more: Readings) -> None:
    first, second = decide(one, some), decide(other, more)
    weights = [d.severity.weight if d.severity else 0 for d in (first, second)]
    if weights[0] != weights[1]:
        assert (first.score > second.score) == (weights[0] > weights[1])
    assert all(1000 * w <= d.score < 1000 * (w + 1) for w, d in zip(weights, (first, second), strict=True))
