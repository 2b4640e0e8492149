import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from sandbox.receivers import PagerDuty
from sandbox.receivers.pagerduty import TOKEN, WEBHOOK_SECRET
from sandbox.receivers.pagerduty_account import POLICY, SERVICE, USER
from sandbox.receivers.pagerduty_events import ROUTING_KEY
from sandbox.receivers.pagerduty_incidents import Alert, Incident
from tests.sandbox.receivers.hands import WEB, HandClock, Listener

HEADERS = {
    "Authorization": f"Token token={TOKEN}",
    "Accept": "application/vnd.pagerduty+json;version=2",
    "From": "bot@example.com",
}
FIRING = Alert("am-1", "HighErrorRate", {"namespace": "production", "deployment": "checkout"})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def pagerduty(clock: HandClock) -> Iterator[PagerDuty]:
    with PagerDuty(clock=clock) as pagerduty:
        yield pagerduty


@pytest.fixture(scope="module")
def strict() -> Iterator[PagerDuty]:
    """One for all the calls that leave nothing behind."""
    with PagerDuty() as pagerduty:
        pagerduty.open_incident(title="High error rate", incident_id="QSTRICT")
        yield pagerduty


@pytest.fixture
def untouched(strict: PagerDuty) -> Incident:
    return strict.incidents["QSTRICT"]


@pytest.fixture
def incident(pagerduty: PagerDuty) -> Incident:
    return pagerduty.open_incident(title="High error rate", alerts=[FIRING])


def call(
    pagerduty: PagerDuty, method: str, path: str, body: Any = None, **headers: str | None
) -> httpx.Response:
    changed = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in changed.items() if value is not None}
    return WEB.request(method, f"{pagerduty.url}{path}", json=body, headers=kept)


def note(
    pagerduty: PagerDuty, incident: Incident, content: str = "rolled back", **headers: Any
) -> httpx.Response:
    body = {"note": {"content": content}}
    return call(pagerduty, "POST", f"/incidents/{incident.id}/notes", body, **headers)


def error(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_incident_is_shown_with_its_service_and_its_alerts_apart(
    pagerduty: PagerDuty, incident: Incident
) -> None:
    shown = call(pagerduty, "GET", f"/incidents/{incident.id}").json()["incident"]
    (alert,) = call(pagerduty, "GET", f"/incidents/{incident.id}/alerts").json()["alerts"]

    assert (shown["service"]["id"], shown["status"], shown["priority"]) == (SERVICE, "triggered", None)
    assert alert["alert_key"] == "am-1"
    assert alert["body"]["details"] == alert["body"]["cef_details"]["details"] == FIRING.details


def test_a_note_is_kept_with_its_sender_and_listed(pagerduty: PagerDuty, incident: Incident) -> None:
    answer = note(pagerduty, incident, "rolled back [backout:k1]")

    listed = call(pagerduty, "GET", f"/incidents/{incident.id}/notes", From=None).json()["notes"]
    assert answer.status_code == 200
    assert [each["content"] for each in listed] == ["rolled back [backout:k1]"]
    assert [(each.incident, each.by, each.text) for each in pagerduty.notes] == [
        (incident.id, "bot@example.com", "rolled back [backout:k1]")
    ]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": None}, (401, 2006)),
        ({"Authorization": TOKEN}, (401, 2006)),
        ({"Authorization": "Token token=another"}, (401, 2006)),
        ({"Accept": "application/json"}, (400, 2001)),
        ({"From": None}, (400, 2016)),
        ({"From": "nobody@example.com"}, (400, 1008)),
        ({"Content_Type": "text/plain"}, (400, 2001)),
    ],
)
def test_a_note_with_a_wrong_header_is_refused(
    strict: PagerDuty, untouched: Incident, headers: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert error(note(strict, untouched, **headers)) == expected
    assert not strict.notes


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"note": {"content": ""}}, (400, 2001)),
        ({"content": "not in a note"}, (400, 2001)),
        ([], (400, 2001)),
    ],
)
def test_a_note_with_a_wrong_body_is_refused(
    strict: PagerDuty, untouched: Incident, body: Any, expected: tuple[int, int]
) -> None:
    assert error(call(strict, "POST", f"/incidents/{untouched.id}/notes", body)) == expected


def test_what_does_not_exist_is_not_found(pagerduty: PagerDuty) -> None:
    assert error(call(pagerduty, "GET", "/incidents/QNONE")) == (404, 2100)
    assert error(call(pagerduty, "GET", "/nowhere")) == (404, 2100)


def test_an_incident_takes_only_so_many_notes() -> None:
    with PagerDuty(most_notes=2) as pagerduty:
        first, second = (pagerduty.open_incident(title=title) for title in ("first", "second"))

        answers = [note(pagerduty, first) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert error(answers[-1]) == (400, 2001)
        assert note(pagerduty, second).status_code == 200


def test_a_token_may_make_960_calls_a_minute(pagerduty: PagerDuty, clock: HandClock) -> None:
    first = call(pagerduty, "GET", "/abilities")
    for _ in range(959):
        call(pagerduty, "GET", "/abilities")
    limited = call(pagerduty, "GET", "/abilities")
    clock.now += 1
    later = call(pagerduty, "GET", "/abilities")

    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("960", "959")
    assert (error(limited), limited.headers["ratelimit-reset"]) == ((429, 2020), "1")
    assert later.status_code == 200


def test_a_status_update_needs_the_plan_that_has_it(clock: HandClock) -> None:
    with PagerDuty(clock=clock, abilities=("teams",)) as small, PagerDuty(clock=clock) as whole:
        answers = []
        for each in (small, whole):
            path = f"/incidents/{each.open_incident(title='t').id}/status_updates"
            answers.append(call(each, "POST", path, {"message": "rolled back"}))

        assert [answer.status_code for answer in answers] == [402, 200]
        assert [update.text for update in whole.status_updates] == ["rolled back"]
        assert not small.status_updates


def change(pagerduty: PagerDuty, incident: Incident, **fields: Any) -> httpx.Response:
    body = {"incident": {"type": "incident_reference", **fields}}
    return call(pagerduty, "PUT", f"/incidents/{incident.id}", body)


def test_an_incident_can_be_acknowledged_prioritised_and_resolved_once(
    pagerduty: PagerDuty, incident: Incident
) -> None:
    priority = {"id": "PRIO0", "type": "priority_reference"}

    acknowledged = change(pagerduty, incident, status="acknowledged", priority=priority)
    resolved = change(pagerduty, incident, status="resolved", resolution="rolled back")
    again = change(pagerduty, incident, status="resolved")

    assert acknowledged.json()["incident"]["status"] == "acknowledged"
    assert acknowledged.json()["incident"]["priority"]["summary"] == "P0"
    assert resolved.json()["incident"]["alert_counts"] == {"all": 1, "triggered": 0, "resolved": 1}
    assert error(again) == (400, 2002)
    after = pagerduty.incidents[incident.id]
    assert (after.status, after.resolution, after.changed_by) == (
        "resolved",
        "rolled back",
        "bot@example.com",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "issue"},
        {"status": "closed"},
        {"priority": {"id": "PNONE", "type": "priority_reference"}},
        {"escalation_level": 0},
        {"statsu": "resolved"},
    ],
)
def test_a_wrong_change_of_an_incident_is_refused(
    strict: PagerDuty, untouched: Incident, fields: dict[str, Any]
) -> None:
    assert error(change(strict, untouched, **fields)) == (400, 2001)
    assert strict.incidents[untouched.id] == untouched


def ask(pagerduty: PagerDuty, incident: Incident, **changes: Any) -> httpx.Response:
    target = {"id": POLICY, "type": "escalation_policy_reference"}
    body = {
        "requester_id": USER,
        "message": "please help",
        "responder_request_targets": [{"responder_request_target": target}],
        **changes,
    }
    return call(pagerduty, "POST", f"/incidents/{incident.id}/responder_requests", body, From=None)


def test_a_responder_request_calls_a_policy_or_a_user(pagerduty: PagerDuty, incident: Incident) -> None:
    user = [{"responder_request_target": {"id": "PALICE1", "type": "user_reference"}}]

    assert ask(pagerduty, incident).status_code == 200
    assert ask(pagerduty, incident, responder_request_targets=user).status_code == 200

    targets = [
        each.body["responder_request_targets"][0]["responder_request_target"]["id"]
        for each in pagerduty.responder_requests
    ]
    assert targets == [POLICY, "PALICE1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"requester_id": "PNONE"},
        {"message": ""},
        {"responder_request_targets": []},
        {"responder_request_targets": [{"id": POLICY, "type": "escalation_policy_reference"}]},
        {
            "responder_request_targets": [
                {"responder_request_target": {"id": "PNONE", "type": "user_reference"}}
            ]
        },
    ],
)
def test_a_wrong_responder_request_is_refused(
    strict: PagerDuty, untouched: Incident, changes: dict[str, Any]
) -> None:
    assert error(ask(strict, untouched, **changes)) == (400, 2001)
    assert not strict.responder_requests


def test_people_policies_and_priorities_can_be_looked_up(pagerduty: PagerDuty) -> None:
    found = call(pagerduty, "GET", "/users?query=bot@example.com").json()["users"]
    policy = call(pagerduty, "GET", f"/escalation_policies/{POLICY}").json()["escalation_policy"]
    priorities = call(pagerduty, "GET", "/priorities").json()["priorities"]

    assert [(each["id"], each["email"]) for each in found] == [(USER, "bot@example.com")]
    assert policy["name"] == "On call"
    assert [each["name"] for each in priorities] == ["P0", "P1", "P2"]
    assert call(pagerduty, "GET", f"/users/{USER}").json()["user"]["email"] == "bot@example.com"
    assert error(call(pagerduty, "GET", "/users/PNONE")) == (404, 2100)


def test_only_a_persons_own_token_has_a_user(pagerduty: PagerDuty) -> None:
    with PagerDuty(token_owner=USER) as personal:
        assert call(personal, "GET", "/users/me").json()["user"]["id"] == USER
    assert error(call(pagerduty, "GET", "/users/me")) == (400, 2001)


def send(pagerduty: PagerDuty, path: str = "/v2/enqueue", **fields: Any) -> httpx.Response:
    return WEB.post(f"{pagerduty.url}{path}", json={"routing_key": ROUTING_KEY, **fields})


def trigger(pagerduty: PagerDuty, **changes: Any) -> httpx.Response:
    payload = {"summary": "rollback failed", "source": "backout", "severity": "critical"}
    return send(
        pagerduty, **{"event_action": "trigger", "dedup_key": "backout-r1", "payload": payload, **changes}
    )


def test_an_event_opens_one_incident_for_each_dedup_key(pagerduty: PagerDuty) -> None:
    first, second = trigger(pagerduty), trigger(pagerduty)

    assert (first.status_code, first.json()["dedup_key"]) == (202, "backout-r1")
    assert second.status_code == 202
    assert [each.key for each in pagerduty.incidents.values()] == ["backout-r1"]
    assert len(pagerduty.events) == 2


def test_an_event_without_a_dedup_key_is_given_one(pagerduty: PagerDuty) -> None:
    assert trigger(pagerduty, dedup_key="").json()["dedup_key"]


def test_a_resolved_alert_resolves_its_incident_and_the_next_trigger_opens_another(
    pagerduty: PagerDuty,
) -> None:
    trigger(pagerduty)
    send(pagerduty, event_action="acknowledge", dedup_key="backout-r1")
    acknowledged = [each.status for each in pagerduty.incidents.values()]
    send(pagerduty, event_action="resolve", dedup_key="backout-r1")
    trigger(pagerduty)

    assert acknowledged == ["acknowledged"]
    assert [each.status for each in pagerduty.incidents.values()] == ["resolved", "triggered"]


def test_a_resolve_without_an_open_alert_does_nothing(pagerduty: PagerDuty) -> None:
    assert send(pagerduty, event_action="resolve", dedup_key="never").status_code == 202
    assert not pagerduty.incidents


@pytest.mark.parametrize(
    "changes",
    [
        {"routing_key": "short"},
        {"routing_key": "e+kd5BWM-NCknhB3XnYg-e+kd5BWM-NC"},
        {"routing_key": "0" * 32},
        {"event_action": "open"},
        {"dedup_key": "x" * 256},
        {"payload": {"summary": "x" * 1025, "source": "s", "severity": "info"}},
        {"payload": {"summary": "s", "source": "s", "severity": "P0"}},
        {"payload": {"summary": "s", "severity": "info"}},
        {"event_action": "resolve", "dedup_key": ""},
        {"dedupkey": "typo"},
    ],
)
def test_a_wrong_event_is_refused_for_good(strict: PagerDuty, changes: dict[str, Any]) -> None:
    answer = trigger(strict, **changes)

    assert (answer.status_code, answer.json()["status"]) == (400, "invalid event")
    assert answer.json()["errors"]
    assert list(strict.incidents) == ["QSTRICT"]


def test_an_event_of_more_than_512_kb_is_refused(pagerduty: PagerDuty) -> None:
    details = {"log": "x" * 600_000}
    payload = {"summary": "s", "source": "s", "severity": "info", "custom_details": details}

    assert trigger(pagerduty, payload=payload).status_code == 413


def test_an_integration_takes_120_events_a_minute(pagerduty: PagerDuty) -> None:
    answers = [trigger(pagerduty).status_code for _ in range(121)]

    assert answers == [202] * 120 + [429]


def test_a_change_event_is_kept_and_opens_nothing(pagerduty: PagerDuty) -> None:
    payload = {"summary": "checkout rolled back to 1.4.1", "source": "backout"}

    answer = send(pagerduty, "/v2/change/enqueue", payload=payload)
    wrong = send(pagerduty, "/v2/change/enqueue", payload={"summary": "x" * 1025})

    assert (answer.status_code, wrong.status_code) == (202, 400)
    assert [event["payload"]["summary"] for event in pagerduty.change_events] == [payload["summary"]]
    assert not pagerduty.incidents


def heard(pagerduty: PagerDuty, event_type: str, *args: str, **more: Any) -> tuple[dict[str, str], bytes]:
    listener = Listener()
    with listener.server() as server:
        assert pagerduty.webhook(event_type, *args, to=f"{server.url}/pagerduty", **more).status_code == 200
    return listener.heard[0]


def test_a_webhook_carries_the_incident_and_a_signature_for_each_secret(
    pagerduty: PagerDuty, incident: Incident
) -> None:
    headers, body = heard(
        pagerduty, "incident.triggered", incident.id, secrets=["new", "old"], webhook_id="w1"
    )

    digests = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in (b"new", b"old")]
    assert headers["x-pagerduty-signature"] == ",".join(f"v1={digest}" for digest in digests)
    assert headers["x-webhook-id"] == "w1"
    event = msgspec.json.decode(body)["event"]
    assert (event["event_type"], event["resource_type"], event["agent"]) == (
        "incident.triggered",
        "incident",
        None,
    )
    assert (event["data"]["id"], event["data"]["service"]["id"]) == (incident.id, SERVICE)
    assert (event["data"]["number"], len(event["data"]["assignees"])) == (incident.number, 1)
    assert "alerts" not in event["data"]


def test_a_webhook_about_a_note_carries_its_text_and_its_writer(
    pagerduty: PagerDuty, incident: Incident
) -> None:
    headers, body = heard(pagerduty, "incident.annotated", incident.id, content="[backout:k1]", agent=USER)

    event = msgspec.json.decode(body)["event"]
    digest = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-pagerduty-signature"] == f"v1={digest}"
    assert event["agent"]["id"] == USER
    assert (event["data"]["type"], event["data"]["content"]) == ("incident_note", "[backout:k1]")
    assert event["data"]["incident"]["id"] == incident.id


def test_a_ping_is_about_nothing(pagerduty: PagerDuty) -> None:
    _, body = heard(pagerduty, "pagey.ping")

    event = msgspec.json.decode(body)["event"]
    assert (event["resource_type"], event["data"]["type"]) == ("pagey", "ping")


def test_a_pressed_action_posts_an_unsigned_message_with_the_headers_it_was_given(
    pagerduty: PagerDuty, incident: Incident
) -> None:
    listener = Listener(status=202)
    with listener.server() as server:
        url = f"{server.url}/pagerduty/actions/rollback"
        answer = pagerduty.press(incident.id, to=url, headers={"X-Backout-Secret": "s3"}, user="PALICE1")

    headers, body = listener.heard[0]
    (message,) = msgspec.json.decode(body)["messages"]
    assert (answer.status_code, headers["x-backout-secret"]) == (202, "s3")
    assert "x-pagerduty-signature" not in headers
    assert (message["event"], message["incident"]["id"]) == ("incident.custom", incident.id)
    assert message["incident"]["alerts"] == [{"alert_key": "am-1"}]
    assert message["log_entries"][0]["agent"]["id"] == "PALICE1"


def test_incidents_are_listed_by_service_and_time(pagerduty: PagerDuty, clock: HandClock) -> None:
    pagerduty.open_incident(title="old")
    clock.now += 60
    since = datetime.fromtimestamp(clock.now, UTC).isoformat()
    new = pagerduty.open_incident(title="new")
    pagerduty.open_incident(title="elsewhere", service="POTHER1")
    asked = urlencode({"service_ids[]": SERVICE, "since": since})

    found = call(pagerduty, "GET", f"/incidents?{asked}").json()

    assert [each["id"] for each in found["incidents"]] == [new.id]
    assert found["more"] is False
    assert len(call(pagerduty, "GET", "/incidents?limit=2").json()["incidents"]) == 2
    assert call(pagerduty, "GET", "/incidents?limit=2").json()["more"] is True


@pytest.mark.parametrize("query", ["since=yesterday", "service_id=PNE3JZM"])
def test_a_listing_that_pagerduty_would_not_understand_is_refused(strict: PagerDuty, query: str) -> None:
    assert error(call(strict, "GET", f"/incidents?{query}")) == (400, 2001)
