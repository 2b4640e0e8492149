"""The definition of what is counted, and its table in the documentation."""

import re
from pathlib import Path

import pytest

from shared.domain.metrics import ALERTS, DUPLICATES, METRICS, Kind, Measure, Metric, of_accepted

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "observability.md"


def test_the_documentation_lists_every_metric_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|[^|]*\|$", DOCUMENT.read_text(), re.MULTILINE)

    listed = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert listed == {metric.name: metric.labels for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_ends_in_what_it_counts(metric: Metric) -> None:
    assert metric.name.endswith("_total" if metric.kind is Kind.COUNTER else f"_{metric.unit.lower()}")


def test_a_repeat_is_an_alert_and_a_duplicate() -> None:
    assert of_accepted("pagerduty", "created", repeated=False) == [Measure(ALERTS, ("pagerduty", "created"))]
    assert of_accepted("pagerduty", "created", repeated=True) == [
        Measure(ALERTS, ("pagerduty", "repeated")),
        Measure(DUPLICATES),
    ]
