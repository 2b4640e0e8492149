"""How what was measured is shown."""

import io
import json

from rich.console import Console

from benchmarks.measuring import Outcome, Row, Series
from benchmarks.showing import cells, document, show

OURS, THEIRS = Series("ours", "ms", (10.0, 12.5, 15.0)), Series("theirs", "ms", (20.0, 25.0, 60.0))


def test_a_row_that_is_compared_shows_both_medians_the_ratio_and_whether_the_goal_is_met() -> None:
    shown = cells(Row(OURS, THEIRS, at_most=0.4))

    assert shown == (
        "ours", "12.5 ms", "11.2 - 13.8", "theirs", "25 ms", "0.50", "0.38 - 0.50", "≤ 0.4, MISSED",
    )  # fmt: skip


def test_a_count_shows_itself_and_its_goal() -> None:
    assert cells(Row(Series("new", "calls", (2,)), at_most=3)) == (
        "new", "2 calls", "", "", "", "", "", "≤ 3, met",
    )  # fmt: skip


def test_the_document_keeps_every_value_and_the_reason_of_what_was_not_run() -> None:
    told = document({"a": Outcome((Row(OURS, THEIRS),), ("a note",)), "b": "no kubectl"})

    a = json.loads(json.dumps(told))["a"]
    assert a["rows"][0]["subject"]["values"] == [10.0, 12.5, 15.0]
    assert a["rows"][0]["ratio"] == 0.5
    assert a["notes"] == ["a note"]
    assert told["b"] == {"skipped": "no kubectl"}


def test_a_benchmark_that_was_not_run_says_why_below_the_table() -> None:
    output = io.StringIO()

    show({"history": "no java on the path"}, Console(file=output, width=120))

    assert "history: not run: no java on the path" in output.getvalue()
