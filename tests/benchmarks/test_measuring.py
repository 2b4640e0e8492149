"""What is made of measured values."""

import pytest

from benchmarks.measuring import Row, Series, Spread, interleaved

OURS = Series("ours", "ms", (10.0, 30.0, 20.0))
THEIRS = Series("theirs", "ms", (20.0, 20.0, 40.0))


def test_a_spread_is_the_median_and_its_quartiles() -> None:
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(median=3, lower=2, upper=4)


def test_one_value_has_no_spread() -> None:
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_the_ratio_is_that_of_the_medians_and_its_spread_that_of_the_rounds() -> None:
    row = Row(OURS, THEIRS)

    assert row.ratio == 1.0
    assert row.ratios == Spread(median=0.5, lower=0.5, upper=1.0)


def test_rounds_that_one_side_has_not_run_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        _ = Row(Series("ours", "ms", (1.0,)), THEIRS).ratios


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row(OURS, THEIRS, at_most=1.0), True),
        (Row(OURS, THEIRS, at_most=0.9), False),
        (Row(OURS, at_most=20.0), True),
        (Row(OURS, at_most=19.0), False),
        (Row(OURS, THEIRS), None),
    ],
)
def test_a_goal_is_for_the_ratio_where_there_is_one_and_else_for_the_median(
    row: Row, met: bool | None
) -> None:
    assert row.met is met


def test_contenders_take_turns_and_each_goes_first_as_often() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return float(len(order))

    values = interleaved([lambda: contender("a"), lambda: contender("b")], rounds=4)

    assert "".join(order) == "abbaabba"
    assert values == [(1.0, 4.0, 5.0, 8.0), (2.0, 3.0, 6.0, 7.0)]
