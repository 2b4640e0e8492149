import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alerts import Alert
from shared.domain.signals import Reading, Signal
from shared.errors import InvalidRequest
from shared.intake import pagerduty
from shared.intake.pagerduty import Turn

EVENTS = Path(__file__).resolve().parents[1] / "events" / "pagerduty"
V3 = sorted(
    p.stem for resource in ("incident", "service", "pagey") for p in EVENTS.glob(f"{resource}.*.json")
)
CREATED_AT = datetime(2025, 4, 7, 3, 47, 13, tzinfo=UTC)
REOPENED_AT = datetime(2025, 4, 7, 4, 10, 5, tzinfo=UTC)

MEAN_SOMETHING = {
    "incident.triggered": Turn.OPENED,
    "incident.unacknowledged": Turn.OPENED,
    "incident.escalated": Turn.OPENED,
    "incident.reopened": Turn.OPENED,
    "incident.service_updated": Turn.OPENED,
    "incident.acknowledged": Turn.ACKNOWLEDGED,
    "incident.resolved": Turn.RESOLVED,
    "pagey.ping": Turn.PING,
}


def sent(name: str, **data: Any) -> bytes:
    """Return an event's bytes, with some of its data's fields changed."""
    raw = (EVENTS / f"{name}.json").read_bytes()
    if not data:
        return raw
    body = json.loads(raw)
    body["event"]["data"] |= data
    return json.dumps(body).encode()


@pytest.mark.parametrize("name", V3)
def test_an_event_of_each_kind_is_understood(name: str) -> None:
    assert pagerduty.parse(sent(name)).turn is MEAN_SOMETHING.get(name, Turn.OTHER)


def test_there_is_a_payload_of_every_event_that_means_something() -> None:
    assert set(pagerduty.TURNS) <= set(V3)


def test_an_incident_is_told_with_its_service_and_its_time() -> None:
    told = pagerduty.parse(sent("incident.triggered"))

    assert told.id == "01FKZSRAPTMF55RE69G8BQHGC6"
    assert told.by == "PVE0ZR9"
    assert told.incident is not None
    assert (told.incident.id, told.incident.service_id) == ("Q2CKYRLH85UNN4", "PNE3JZM")
    assert told.incident.created_at == CREATED_AT
    assert told.incident.url == "https://acme.pagerduty.com/incidents/Q2CKYRLH85UNN4"


def test_an_event_that_nobody_caused_is_by_nobody() -> None:
    assert pagerduty.parse(sent("incident.escalated")).by == ""


def test_an_incident_that_was_merged_into_another_is_not_resolved() -> None:
    assert pagerduty.parse(sent("incident.resolved-merged")).turn is Turn.OTHER


def test_an_incident_that_has_been_resolved_meanwhile_does_not_fire() -> None:
    assert pagerduty.parse(sent("incident.escalated", status="resolved")).turn is Turn.OTHER


@pytest.mark.parametrize(
    "event",
    [
        {"id": "01F", "event_type": "incident.teleported", "data": {"new": ["shape"]}},
        {"id": "01F", "event_type": "incident.teleported", "agent": 7},
        {"id": "01F", "event_type": "incident.teleported", "agent": {"name": "no id"}, "data": None},
        {"id": "01F", "event_type": "", "data": 1},
    ],
)
def test_an_event_that_does_not_exist_yet_means_nothing_and_is_no_error(event: dict[str, Any]) -> None:
    assert pagerduty.parse(json.dumps({"event": event}).encode()).turn is Turn.OTHER


@pytest.mark.parametrize(
    "missing",
    [
        {"title": None},
        {"html_url": None},
        {"service": None},
        {"incident_type": None},
        {"resolve_reason": [1]},
    ],
)
def test_what_an_incident_need_not_have_may_be_missing(missing: dict[str, Any]) -> None:
    told = pagerduty.parse(sent("incident.resolved", **missing))

    assert told.turn is Turn.RESOLVED
    assert told.incident is not None
    assert told.incident.title


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not JSON", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"messages": []}', 422),
        (b'{"event": {"id": "", "event_type": "pagey.ping"}}', 422),
        (b'{"event": {"id": "1", "event_type": "incident.triggered"}}', 422),
        (sent("incident.triggered", id="../users"), 422),
        (sent("incident.triggered", id="Q" * 65), 422),
        (sent("incident.triggered", created_at="2025-04-07T03:47:13"), 422),
        (sent("incident.triggered", created_at="0001-01-01T00:00:00+14:00"), 422),
    ],
)
def test_what_is_no_event_is_told_so(body: bytes, status: int) -> None:
    with pytest.raises(InvalidRequest) as raised:
        pagerduty.parse(body)

    assert raised.value.status == status


@given(body=st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_whatever_the_bytes_nothing_but_an_invalid_request_comes_of_them(body: bytes | str) -> None:
    with pytest.raises(InvalidRequest):
        pagerduty.parse(body.encode() if isinstance(body, str) else body)


def test_an_incident_becomes_one_alert_that_names_it() -> None:
    incident = pagerduty.parse(sent("incident.triggered")).incident
    assert incident is not None

    alert = pagerduty.alert_of(incident)

    assert alert.episode == f"Q2CKYRLH85UNN4/{CREATED_AT.isoformat()}"
    assert alert.references == {"pagerduty": "Q2CKYRLH85UNN4"}
    assert (alert.source, alert.name, alert.firing) == ("pagerduty", "Test", True)
    assert alert.signal is None
    assert alert.reading.is_unknown


def test_a_reopened_incident_is_another_firing() -> None:
    incident = pagerduty.parse(sent("incident.reopened")).incident
    assert incident is not None

    assert pagerduty.alert_of(incident).starts_at == REOPENED_AT


def test_an_alert_without_a_signal_is_not_explained_away_by_the_others() -> None:
    incident = pagerduty.parse(sent("incident.triggered")).incident
    assert incident is not None
    known = told_of(Signal.ERROR_RATE, 0.01)

    assert pagerduty.alert_of(incident, [known]).signal is Signal.ERROR_RATE
    assert pagerduty.alert_of(incident, [known, told_of(None, 0.0)]).signal is None


def told_of(signal: Signal | None, value: float) -> Alert:
    return Alert("pagerduty", "a", CREATED_AT, True, "Alert", {}, signal, Reading.number(value))
