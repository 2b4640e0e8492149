"""What is asked of Alertmanager on the wire, and what its answers and its silence mean."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.adapters.alertmanager import AlertmanagerAlerts
from shared.errors import PermanentError, TemporaryError
from tests.fakes.http_server import Answer, Request, serving


def an_alert(**status: list[str]) -> dict[str, Any]:
    """Write an alert as ``GET /api/v2/alerts`` of Alertmanager 0.25 does."""
    return {
        "annotations": {},
        "endsAt": "2026-03-02T03:10:00.000Z",
        "fingerprint": "9d5f2c1b7c3e4a60",
        "receivers": [{"name": "backout"}],
        "startsAt": "2026-03-02T03:00:00.000Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active", **status},
        "updatedAt": "2026-03-02T03:05:00.000Z",
        "generatorURL": "http://prometheus/graph",
        "labels": {"alertname": "HighErrorRate", "deployment": "checkout"},
    }


def test_a_filter_becomes_matchers_and_suppressed_alerts_are_asked_for() -> None:
    with serving(lambda _: Answer(body=b"[]")) as server:
        alerts = AlertmanagerAlerts(f"{server.url}/am/", headers={"Authorization": "Bearer s3cret"})
        alerts.firing([{"namespace": 'a"b', "no.label": "x"}, {"deployment": "checkout"}])

    first, second = server.requests
    assert (first.method, urlsplit(first.path).path) == ("GET", "/am/api/v2/alerts")
    everything = [("active", "true"), ("silenced", "true"), ("inhibited", "true")]
    assert parse_qsl(urlsplit(first.path).query) == [("filter", 'namespace="a\\"b"'), *everything]
    assert parse_qsl(urlsplit(second.path).query)[0] == ("filter", 'deployment="checkout"')
    assert first.headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("status", "suppressed"),
    [
        ({}, ""),
        ({"silencedBy": ["s1"]}, "silenced"),
        ({"silencedBy": ["s1"], "inhibitedBy": ["f1"]}, "silenced, inhibited"),
        ({"mutedBy": ["nights"]}, "muted"),
    ],
)
def test_it_is_told_by_what_an_alert_is_kept_quiet(status: Mapping[str, list[str]], suppressed: str) -> None:
    body = json.dumps([an_alert(**status)]).encode()
    with serving(lambda _: Answer(body=body)) as server:
        [alert] = AlertmanagerAlerts(server.url).firing([{"deployment": "checkout"}])

    assert (alert.fingerprint, alert.name, alert.suppressed) == (
        "9d5f2c1b7c3e4a60",
        "HighErrorRate",
        suppressed,
    )


@pytest.mark.parametrize(
    "answer", [Answer(503), Answer(body=b"<html>"), Answer(body=b'[{"labels": {}}]'), Answer(drops=True)]
)
def test_what_gives_no_answer_is_worth_another_try(answer: Answer) -> None:
    with serving(lambda _: answer) as server, pytest.raises(TemporaryError):
        AlertmanagerAlerts(server.url).firing([{}])


def test_a_credential_that_is_refused_is_not_shown() -> None:
    def refuse(request: Request) -> Answer:
        return Answer(403, json.dumps({"message": f"no {request.headers['authorization']}"}).encode())

    with serving(refuse) as server, pytest.raises(PermanentError) as refused:
        AlertmanagerAlerts(server.url, headers={"Authorization": "Bearer s3cret"}).firing([{}])

    assert "s3cret" not in str(refused.value)
