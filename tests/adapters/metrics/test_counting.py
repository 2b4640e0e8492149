"""One definition, two formats: what is counted reaches CloudWatch and Prometheus under the same names."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.adapters.metrics import NoMetrics, of_this_process
from shared.adapters.metrics.cloudwatch import CloudWatchMetrics
from shared.adapters.metrics.prometheus import PrometheusMetrics
from shared.domain.metrics import ENDED, METRICS, ROLLED_BACK, TAKEOVERS, Kind, Measure, Metric

ALL = [Measure(metric, metric.labels, 2.0) for metric in METRICS]


def printed(*measures: Measure) -> list[dict[str, Any]]:
    out = io.StringIO()
    CloudWatchMetrics("Backout", out, clock=lambda: 1_700_000_000.5).add(measures)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_measurement_is_one_line_of_the_embedded_metric_format() -> None:
    assert printed(Measure(ENDED, ("failed",))) == [
        {
            "_aws": {
                "Timestamp": 1_700_000_000_500,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Backout",
                        "Dimensions": [["outcome"], []],
                        "Metrics": [{"Name": "responses_ended_total", "Unit": "Count"}],
                    }
                ],
            },
            "outcome": "failed",
            "responses_ended_total": 1.0,
        }
    ]


def test_what_has_no_labels_has_no_dimensions_and_seconds_are_seconds() -> None:
    [told] = printed(Measure(ROLLED_BACK, value=7.5))

    [directive] = told["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [[]]
    assert directive["Metrics"] == [{"Name": "webhook_to_rollback_seconds", "Unit": "Seconds"}]
    assert told["webhook_to_rollback_seconds"] == 7.5


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_keeps_to_the_limits_of_cloudwatch(metric: Metric) -> None:
    [told] = printed(Measure(metric, metric.labels))
    [directive] = told["_aws"]["CloudWatchMetrics"]
    assert all(len(dimensions) <= 30 for dimensions in directive["Dimensions"])
    assert set(metric.labels) | {"_aws", metric.name} == set(told)


def test_a_pipe_that_is_closed_fails_nothing() -> None:
    out = io.StringIO()
    out.close()

    CloudWatchMetrics("Backout", out).add(ALL)


def test_prometheus_reads_every_metric_under_its_name_and_labels() -> None:
    kept = PrometheusMetrics()
    kept.add(ALL)

    samples = {
        sample.name: sample.labels
        for family in text_string_to_metric_families(kept.text().decode())
        for sample in family.samples
    }
    for metric in METRICS:
        suffix = "_count" if metric.kind is Kind.HISTOGRAM else ""
        assert samples[f"backout_{metric.name}{suffix}"] == dict(
            zip(metric.labels, metric.labels, strict=True)
        )


def test_a_counter_without_labels_begins_with_nought_and_a_histogram_adds_up() -> None:
    kept = PrometheusMetrics()
    assert b"backout_lease_takeovers_total 0.0" in kept.text()

    kept.add([Measure(TAKEOVERS), Measure(TAKEOVERS), Measure(ROLLED_BACK, value=4.0)])
    assert b"backout_lease_takeovers_total 2.0" in kept.text()
    assert b'backout_webhook_to_rollback_seconds_bucket{le="5.0"} 1.0' in kept.text()


def test_a_lambda_function_prints_and_any_other_process_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(of_this_process(), PrometheusMetrics)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "backout-alertmanager")
    assert isinstance(of_this_process(), CloudWatchMetrics)


@pytest.mark.parametrize("stage", ["", "backout-dev"])
def test_two_stages_in_an_account_keep_their_numbers_apart(
    stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "backout-alertmanager")
    if stage:
        monkeypatch.setenv("BACKOUT_METRICS_NAMESPACE", stage)
    of_this_process().add([Measure(TAKEOVERS)])

    [directive] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == (stage or "Backout")


def test_nothing_is_kept_where_nothing_is_counted() -> None:
    NoMetrics().add(ALL)
    assert NoMetrics().text() == CloudWatchMetrics("Backout").text() == b""


def test_a_lambda_function_loads_neither_prometheus_nor_a_tracer() -> None:
    """In a process of its own: this one has both loaded."""
    program = (
        "import sys, functions.alertmanager, functions.advance\n"
        "from shared.adapters.metrics import of_this_process\n"
        "of_this_process()\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('prometheus_client', 'opentelemetry')])"
    )
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "backout"}
    environment.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
