import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.matrix import DEFAULT_ROWS, Action, Matrix, Row, Severity
from shared.domain.signals import UNITS, Signal, Unit
from tests.domain import strategies

MILD = Row("mild", Signal.CPU_USAGE, 0.5, Action.SCALE_THEN_ROLLBACK, Severity.P2)
HARSH = Row("harsh", Signal.CPU_USAGE, 0.9, Action.ROLLBACK_NOW, Severity.P0)


def test_the_built_in_rows_are_the_runbooks() -> None:
    assert [(r.name, r.threshold, r.action.value, r.severity.value, r.asks) for r in Matrix().rows] == [
        ("error_rate_high", 0.10, "rollback_now", "P0", False),
        ("error_rate_raised", 0.05, "rollback_soon", "P1", False),
        ("latency_p95", 5.0, "rollback_now", "P1", False),
        ("memory_usage", 0.95, "scale_then_rollback", "P2", False),
        ("cpu_usage", 0.90, "scale_then_rollback", "P2", False),
        ("http_5xx_per_minute", 100.0, "rollback_now", "P0", False),
        ("latency_regression", 0.50, "rollback_soon", "P1", False),
        ("critical_function_broken", 0.0, "rollback_now", "P0", False),
        ("security_vulnerability", 0.0, "rollback_now", "P0", True),
    ]


def test_every_signal_has_a_built_in_row() -> None:
    assert {row.signal for row in DEFAULT_ROWS} == set(Signal)


def test_a_flag_matches_when_it_is_true() -> None:
    assert all(row.threshold == 0.0 for row in DEFAULT_ROWS if UNITS[row.signal] is Unit.FLAG)


def test_actions_are_ordered_by_urgency_and_severities_by_weight() -> None:
    assert sorted(Action, key=lambda action: action.urgency) == [
        Action.NONE,
        Action.SCALE_THEN_ROLLBACK,
        Action.ROLLBACK_SOON,
        Action.ROLLBACK_NOW,
    ]
    assert sorted(Severity, key=lambda severity: severity.weight) == [Severity.P2, Severity.P1, Severity.P0]


def test_a_row_ends_where_the_next_of_its_signal_begins() -> None:
    harshest = replace(HARSH, name="harshest", threshold=0.95)
    matrix = Matrix((harshest, MILD, HARSH))
    assert [matrix.upper_bound(row) for row in (MILD, HARSH, harshest)] == [0.9, 0.95, None]


def test_a_row_has_no_upper_bound_once_the_one_above_it_is_off() -> None:
    rows = tuple(row for row in DEFAULT_ROWS if row.name != "error_rate_high")
    raised = next(row for row in rows if row.name == "error_rate_raised")
    assert Matrix(rows).upper_bound(raised) is None


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="several rows named mild"):
        Matrix((MILD, replace(HARSH, name="mild")))


def test_two_rows_of_one_signal_need_different_thresholds() -> None:
    with pytest.raises(ValueError, match="rows harsh and mild have the same threshold"):
        Matrix((MILD, replace(HARSH, threshold=0.5)))


@pytest.mark.parametrize(
    "above",
    [
        replace(HARSH, action=Action.NONE),
        replace(HARSH, severity=Severity.P2, action=Action.SCALE_THEN_ROLLBACK),
    ],
)
def test_a_worse_reading_must_not_give_a_milder_decision(above: Row) -> None:
    below = replace(MILD, severity=Severity.P1)
    with pytest.raises(ValueError, match=r"row harsh \(above 0.9\) is milder than mild \(above 0.5\)"):
        Matrix((below, above))


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -math.inf, -0.1])
def test_a_threshold_is_a_finite_number_from_zero_up(threshold: float) -> None:
    with pytest.raises(ValueError, match="the threshold of row mild is"):
        Matrix((replace(MILD, threshold=threshold),))


def test_rows_of_different_signals_may_have_the_same_threshold() -> None:
    assert len(Matrix((MILD, replace(HARSH, signal=Signal.MEMORY_USAGE, threshold=0.5))).rows) == 2


@given(strategies.matrices, strategies.matrices)
def test_the_version_is_the_same_if_and_only_if_the_rows_are(one: Matrix, other: Matrix) -> None:
    assert (one.version == other.version) == (set(one.rows) == set(other.rows))


@given(strategies.matrices, st.randoms(use_true_random=False))
def test_the_version_does_not_depend_on_the_order_of_the_rows(matrix: Matrix, chance: Random) -> None:
    rows = list(matrix.rows)
    chance.shuffle(rows)
    assert Matrix(tuple(rows)).version == matrix.version


@pytest.mark.parametrize(
    "changed",
    [
        replace(MILD, name="other"),
        replace(MILD, signal=Signal.MEMORY_USAGE),
        replace(MILD, threshold=math.nextafter(0.5, 1)),
        replace(MILD, action=Action.ROLLBACK_SOON),
        replace(MILD, severity=Severity.P1),
        replace(MILD, asks=True),
    ],
)
def test_whatever_changes_in_a_row_changes_the_version(changed: Row) -> None:
    assert Matrix((changed,)).version != Matrix((MILD,)).version


def test_the_version_does_not_depend_on_how_a_threshold_is_written() -> None:
    assert Matrix((replace(MILD, threshold=1),)).version == Matrix((replace(MILD, threshold=1.0),)).version


def test_a_name_cannot_pass_for_further_rows() -> None:
    forged = replace(HARSH, name="mild|cpu_usage|0.5|scale_then_rollback|P2|False\nharsh")
    assert Matrix((forged,)).version != Matrix((MILD, HARSH)).version
