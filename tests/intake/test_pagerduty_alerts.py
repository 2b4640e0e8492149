import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alerts import Alert
from shared.domain.signals import Signal
from shared.intake import pagerduty_alerts
from shared.intake.pagerduty import Incident

EVENTS = Path(__file__).resolve().parents[1] / "events" / "pagerduty"
INCIDENT = Incident(
    "Q2CKYRLH85UNN4", "PNE3JZM", "Test", "https://acme.example", datetime(2025, 4, 7, 3, 47, 13, tzinfo=UTC)
)
CHECKOUT = {"namespace": "production", "deployment": "checkout"}


def rest(name: str) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = json.loads((EVENTS / f"{name}.json").read_text())["alerts"]
    return alerts


def read(alerts: list[dict[str, Any]]) -> list[Alert]:
    return pagerduty_alerts.read(alerts, INCIDENT, signals_by_alert={"SlowCheckout": Signal.LATENCY_P95})


def of(details: object) -> list[Alert]:
    return read([{"id": "P1", "body": {"type": "alert_body", "details": details}}])


def test_alertmanagers_text_is_read_into_its_alerts() -> None:
    errors, latency = read(rest("rest-alerts-alertmanager-text"))

    assert errors.name == "HighErrorRate"
    assert {k: errors.labels[k] for k in CHECKOUT} == CHECKOUT
    assert (errors.signal, errors.reading.value) == (Signal.ERROR_RATE, 0.12)
    assert errors.summary == "checkout answers with errors"
    assert (latency.signal, latency.reading.value) == (Signal.LATENCY_P95, 7.5)
    assert latency.labels["deployment"] == "checkout"


def test_alertmanagers_list_is_read_into_its_alerts() -> None:
    [errors] = read(rest("rest-alerts-alertmanager-list"))

    assert (errors.signal, errors.reading.value) == (Signal.ERROR_RATE, 0.12)
    assert {k: errors.labels[k] for k in CHECKOUT} == CHECKOUT


def test_a_list_that_comes_as_text_is_read_too() -> None:
    [alert] = rest("rest-alerts-alertmanager-list")
    listed = alert["body"]["details"]["firing"]

    [errors] = of({"firing": json.dumps(listed)})

    assert errors.reading.value == 0.12


def test_what_has_resolved_is_read_where_nothing_fires_any_more() -> None:
    [alert] = rest("rest-alerts-alertmanager-list")
    listed = alert["body"]["details"]["firing"]

    [errors] = of({"firing": [], "resolved": listed})

    assert errors.labels["deployment"] == "checkout"


def test_custom_details_are_labels_and_values() -> None:
    [errors] = read(rest("rest-alerts-custom-details"))

    assert errors.labels["deployment"] == "payments"
    assert (errors.signal, errors.reading.value) == (Signal.ERROR_RATE, 0.25)
    assert errors.labels["canary"] == "false"


def test_custom_details_may_hold_labels_and_annotations() -> None:
    [alert] = of({"labels": {**CHECKOUT, "signal": "cpu_usage"}, "annotations": {"value": "93%"}})

    assert (alert.signal, alert.reading.value) == (Signal.CPU_USAGE, 0.93)


def test_custom_details_beside_alertmanagers_own_add_labels() -> None:
    [alert] = of({"firing": "Labels:\n - alertname = SlowCheckout\n", **CHECKOUT})

    assert {k: alert.labels[k] for k in CHECKOUT} == CHECKOUT
    assert alert.signal is Signal.LATENCY_P95


def test_the_common_event_format_is_read_where_there_is_nothing_else() -> None:
    [alert] = read([{"body": {"cef_details": {"details": CHECKOUT}}}])

    assert alert.labels == CHECKOUT


def test_a_number_that_does_not_fit_its_signal_is_unknown() -> None:
    [alert] = of({**CHECKOUT, "signal": "error_rate", "value": "12 pods"})

    assert alert.reading.is_unknown


def test_every_alert_knows_its_incident() -> None:
    for alert in read(rest("rest-alerts-alertmanager-text")):
        assert (alert.source, alert.references) == ("pagerduty", {"pagerduty": "Q2CKYRLH85UNN4"})


def test_a_page_of_our_own_among_them_is_left_out() -> None:
    [alert] = rest("rest-alerts-custom-details")

    assert read([{**alert, "alert_key": "backout-20260822-100100-6e607339"}]) == []


@pytest.mark.parametrize(
    "alert",
    [{}, {"body": None}, {"body": "text"}, {"body": {}}, {"body": {"details": None, "cef_details": []}}],
)
def test_an_alert_that_tells_nothing_is_left_out(alert: dict[str, Any]) -> None:
    assert read([alert]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.just("[{}]"),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["firing", "labels", "value", "x"]), inner)
    ),
    max_leaves=8,
)


@given(details=JSON)
def test_whatever_the_details_hold_nothing_is_raised(details: object) -> None:
    for alert in of(details):
        assert alert.source == "pagerduty"
