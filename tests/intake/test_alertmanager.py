"""`alertmanager-0.25-*` were captured from Alertmanager 0.25 (only its own URL was changed); the others hold
what the sources of 0.34 and of Grafana write."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.signals import Signal
from shared.errors import InvalidRequest
from shared.intake import alertmanager
from shared.intake.alertmanager import Notification

EVENTS = Path(__file__).resolve().parents[1] / "events"


def parsed(body: bytes | dict[str, Any], **signals_by_alert: Signal) -> Notification:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return alertmanager.parse(raw, signals_by_alert=signals_by_alert)


def event(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return content


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "HighErrorRate", "signal": "error_rate"},
        "annotations": {"value": "0.12"},
        "startsAt": "2026-08-22T10:00:00Z",
        "fingerprint": "c1f2a3b4d5e6f708",
        **changes,
    }


def test_a_firing_alert_of_0_25_is_understood() -> None:
    notification = parsed((EVENTS / "alertmanager-0.25-firing.json").read_bytes())

    (told,) = notification.alerts
    assert notification.source == told.source == "alertmanager"
    assert notification.group_key == '{}:{alertname="HighErrorRate", namespace="production"}'
    assert (notification.receiver, notification.truncated) == ("backout", 0)
    assert told.firing
    assert told.name == "HighErrorRate"
    assert told.labels["deployment"] == "checkout"
    assert told.signal is Signal.ERROR_RATE
    assert told.reading.value == 0.12
    assert told.fingerprint == "d35a9f37da1342c2"
    assert told.starts_at == datetime(2026, 11, 23, 18, 13, 40, 710935, tzinfo=UTC)
    assert told.summary == "checkout answers too many requests with 5xx"
    assert told.url.startswith("http://prometheus.example.com:9090/graph?")


def test_a_resolved_alert_beside_a_firing_one_carries_no_value_of_now() -> None:
    resolved, firing = parsed(event("alertmanager-0.25-firing-and-resolved.json")).alerts

    assert not resolved.firing
    assert resolved.reading.is_unknown
    assert firing.firing
    assert firing.reading.value == 0.125


def test_one_notification_of_0_34_may_be_about_several_services() -> None:
    alerts = parsed(event("alertmanager-0.34-several-services.json")).alerts

    assert [a.labels["deployment"] for a in alerts] == ["checkout", "payments", "search"]
    assert [a.reading.value for a in alerts] == [0.12, 0.083, None]


def test_alerts_that_were_left_out_are_counted() -> None:
    assert parsed(event("alertmanager-0.34-truncated.json")).truncated == 41


def test_label_names_may_be_any_utf_8() -> None:
    (told,) = parsed(event("alertmanager-0.34-utf8-labels.json")).alerts

    assert told.labels["k8s.deployment.name"] == "checkout"
    assert told.labels["größe"] == "5"
    assert told.reading.value == 6.2


def test_grafanas_only_value_is_the_value() -> None:
    notification = parsed(event("grafana-firing.json"))

    assert notification.source == "grafana"
    assert notification.alerts[0].reading.value == 0.12
    assert notification.alerts[0].starts_at == datetime(2026, 8, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "values", [None, {}, {"A": 0.12, "B": 1}, {"A": True}, {"A": "0.12"}, {"A": 12}, [0.1]]
)
def test_of_several_or_odd_grafana_values_none_is_taken(values: Any) -> None:
    sent = {"alerts": [alert(annotations={}, values=values)], "version": "1"}

    assert parsed(sent).alerts[0].reading.is_unknown


def test_the_value_annotation_beats_the_description() -> None:
    both = {"value": "0.2", "description": "12% of the requests fail"}

    assert parsed({"alerts": [alert(annotations=both)]}).alerts[0].reading.value == 0.2
    del both["value"]
    assert parsed({"alerts": [alert(annotations=both)]}).alerts[0].reading.value == 0.12


@pytest.mark.parametrize(
    ("labels", "signal"),
    [
        ({"alertname": "Slow"}, Signal.LATENCY_P95),
        ({"alertname": "Slow", "signal": "cpu_usage"}, Signal.CPU_USAGE),
        ({"alertname": "Slow", "signal": "mood"}, None),
        ({"alertname": "Other"}, None),
        ({}, None),
    ],
)
def test_the_signal_comes_from_the_label_and_then_from_the_table(
    labels: dict[str, str], signal: Signal | None
) -> None:
    notification = parsed({"alerts": [alert(labels=labels)]}, Slow=Signal.LATENCY_P95)

    assert notification.alerts[0].signal is signal


def test_an_alert_about_a_flag_needs_no_value() -> None:
    labels = {"alertname": "CheckoutBroken", "signal": "critical_function_broken"}

    assert parsed({"alerts": [alert(labels=labels, annotations={})]}).alerts[0].reading.value == 1.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-08-22T10:00:00.999999999Z", datetime(2026, 8, 22, 10, 0, 0, 999999, tzinfo=UTC)),
        ("2026-08-22T15:30:00.5+05:30", datetime(2026, 8, 22, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2026-08-22T00:00:00-10:00", datetime(2026, 8, 22, 10, tzinfo=UTC)),
    ],
)
def test_times_may_have_any_offset_and_nanoseconds(text: str, at: datetime) -> None:
    assert parsed({"alerts": [alert(startsAt=text)]}).alerts[0].starts_at == at


def test_a_missing_fingerprint_is_made_of_the_labels() -> None:
    one, same, other = (
        parsed({"alerts": [alert(fingerprint=None, labels=labels)]}).alerts[0].fingerprint
        for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "12"})
    )

    assert one == same != other
    assert len(one) == 16


def test_what_later_versions_add_is_ignored_and_nothing_of_it_is_needed() -> None:
    assert parsed({"alerts": [alert(newKey=[1])], "newer": {}}).alerts
    assert parsed({"alerts": []}).alerts == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"alerts": [alert(), alert(status="flapping")]}, "$.alerts[1].status"),
        ({"alerts": [alert(labels={"a": 1})]}, "$.alerts[0].labels"),
        ({"alerts": [alert(startsAt="yesterday")]}, "$.alerts[0].startsAt"),
        ({"alerts": [alert(startsAt="2026-08-22T10:00:00")]}, "$.alerts[0].startsAt"),
        ({"alerts": [alert(startsAt="0001-01-01T00:00:00+02:00")]}, "$.alerts[0].startsAt"),
        ({"alerts": {}}, "$.alerts"),
        ({"text": "HighErrorRate fires"}, "`payload`"),
    ],
)
def test_a_wrong_shape_is_a_422_that_names_the_path(body: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(body)
    assert refused.value.status == 422
    assert told in str(refused.value)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_a_body_nested_100_000_deep_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parsed(body)


def test_100_000_labels_are_read() -> None:
    labels = {f"label_{i}": "x" for i in range(100_000)}

    assert len(parsed({"alerts": [alert(labels=labels, fingerprint=None)]}).alerts[0].labels) == 100_000


def test_the_delivery_key_tells_episodes_and_statuses_apart_and_nothing_else() -> None:
    told = parsed(event("alertmanager-0.34-several-services.json"))
    first, second, third = told.alerts

    def key(*alerts: Any, group_key: str = told.group_key) -> str:
        return alertmanager.delivery_key(replace(told, group_key=group_key), alerts)

    assert key(first, second) == key(second, first) == key(replace(first, summary="newer"), second)
    others = [
        key(first),
        key(first, third),
        key(replace(first, firing=False), second),
        key(replace(first, starts_at=datetime(2026, 1, 1, tzinfo=UTC)), second),
        key(first, second, group_key="other"),
    ]
    assert len({key(first, second), *others}) == 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ALERTS = st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved", "x"])},
    optional={
        "labels": st.dictionaries(st.sampled_from(["alertname", "signal", "a"]), JSON, max_size=3),
        "annotations": st.dictionaries(st.sampled_from(["value", "description"]), st.text(max_size=20))
        | JSON,
        "startsAt": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | JSON,
        "fingerprint": JSON,
        "generatorURL": JSON,
        "values": JSON,
    },
)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_invalid_request(body: bytes) -> None:
    _survives(body)


@given(
    JSON
    | st.fixed_dictionaries(
        {"alerts": st.lists(ALERTS, max_size=3)}, optional={"version": JSON, "groupKey": JSON}
    )
)
def test_no_json_raises_anything_but_invalid_request(body: Any) -> None:
    _survives(json.dumps(body).encode())


def _survives(body: bytes) -> None:
    try:
        notification = parsed(body)
    except InvalidRequest:
        return
    assert all(a.starts_at.tzinfo is not None for a in notification.alerts)
