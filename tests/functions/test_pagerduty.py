import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.domain.response import Event, Step
from shared.domain.signals import Signal
from shared.ports import State
from tests.fakes.http_server import Answer, Request, Server, serving
from tests.functions.installation import (
    CHECKOUT,
    Installation,
    bearer,
    problem,
    results,
    with_tokens,
)

EVENTS = Path(__file__).resolve().parents[1] / "events" / "pagerduty"
IGNORED = [
    p.stem
    for resource in ("incident", "service")
    for p in sorted(EVENTS.glob(f"{resource}.*.json"))
    if p.stem.removeprefix("incident.")
    not in {
        "triggered",
        "reopened",
        "unacknowledged",
        "escalated",
        "service_updated",
        "resolved",
        "acknowledged",
    }
]
ID = "Q2CKYRLH85UNN4"
TEXT = (EVENTS / "rest-alerts-alertmanager-text.json").read_bytes()
CUSTOM = (EVENTS / "rest-alerts-custom-details.json").read_bytes()
PRESS = (EVENTS / "v2-incident.custom.json").read_bytes()
WORKFLOW = (EVENTS / "workflow-post.json").read_bytes()

CONFIG = """
cluster: prod
prometheus: {{url: "http://127.0.0.1:9"}}
auth:
  alertmanager: ["env:AM_OLD"]
  pagerduty: ["env:PD_OLD", "env:PD_NEW"]
  pagerduty_actions: ["env:PD_ACTIONS"]
{api}
guardrails: {{namespaces: [production]}}
teams: {{shop: {{}}}}
services:
  - {{name: checkout, workload: production/deployment/checkout, mode: auto, {checkout}}}
  - {{name: payments, workload: production/deployment/payments, mode: auto, {payments}}}
"""


def configured(*, url: str = "", checkout: str = "", payments: str = "", more: str = "") -> Installation:
    api = f'pagerduty: {{token: "env:PD_TOKEN", from: bot@example.com, url: "{url}"{more}}}' if url else ""
    return Installation(config=CONFIG.format(api=api, checkout=checkout, payments=payments))


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    with_tokens(monkeypatch)
    for name in ("PD_OLD", "PD_NEW", "PD_ACTIONS", "PD_TOKEN"):
        monkeypatch.setenv(name, name.lower())


@pytest.fixture
def installation() -> Installation:
    return configured(checkout="pagerduty_service: PNE3JZM")


class Rest:
    """PagerDuty's REST API as far as it is read: `alerts` is what it says of any incident."""

    def __init__(self) -> None:
        self.alerts = Answer(body=TEXT)
        self.user = Answer(body=b'{"user": {"email": "ben@example.com"}}')
        self.server: Server

    def __call__(self, request: Request) -> Answer:
        return self.user if request.path.startswith("/users/") else self.alerts


@pytest.fixture
def rest() -> Iterator[Rest]:
    answers = Rest()
    with serving(answers) as answers.server:
        yield answers


def signature(body: bytes, secret: str = "pd_old") -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sent(name: str, **data: Any) -> bytes:
    raw = (EVENTS / f"{name}.json").read_bytes()
    if not data:
        return raw
    body = json.loads(raw)
    body["event"]["data"] |= data
    return json.dumps(body).encode()


def post(
    installation: Installation, body: bytes | str, *, webhook_id: str = "", signed: str | None = None
) -> TestResponse:
    raw = sent(body) if isinstance(body, str) else body
    headers = {"X-PagerDuty-Signature": signature(raw) if signed is None else signed}
    if webhook_id:
        headers["X-Webhook-Id"] = webhook_id
    return installation.client.post("/pagerduty", data=raw, headers=headers)


def press(
    installation: Installation, action: str, body: bytes = PRESS, secret: str = "pd_actions"
) -> TestResponse:
    headers = {"X-Backout-Secret": secret} if secret else {}
    return installation.client.post(f"/pagerduty/actions/{action}", data=body, headers=headers)


def state(installation: Installation, response_id: str) -> State:
    return installation.records.read(responses=[response_id]).states[response_id]


def codes(installation: Installation, response_id: str) -> list[tuple[str, str]]:
    events: list[Event] = list(installation.records.events(response_id))
    return [(event.code, event.by) for event in events]


def live(installation: Installation) -> str | None:
    return installation.records.read(workloads=[CHECKOUT]).workloads[CHECKOUT].value.live


def opened(installation: Installation) -> str:
    [result] = results(post(installation, "incident.triggered"))
    assert result["outcome"] == "created"
    identifier: str = result["response_id"]
    return identifier


def advanced(installation: Installation, *, error_rate: float) -> str:
    """Open a response after a bad deploy and advance it as far as it goes; return its id."""
    installation.deployed_badly()
    installation.signals.says({Signal.ERROR_RATE: error_rate, Signal.LATENCY_P95: 0.2})
    identifier = opened(installation)
    installation.engine.handle(identifier)
    return identifier


# ---- who may come in


@pytest.mark.parametrize("secret", ["pd_old", "pd_new"])
def test_each_secret_opens_the_door(installation: Installation, secret: str) -> None:
    body = sent("incident.triggered")

    assert results(post(installation, body, signed=f"v2=x,v1=abc,{signature(body, secret)}"))


@pytest.mark.parametrize("signed", ["", "v1=", "v1=abc", signature(sent("incident.triggered"), "other")])
def test_what_is_not_signed_is_refused_and_nothing_is_read(installation: Installation, signed: str) -> None:
    assert "auth.pagerduty" in problem(post(installation, "incident.triggered", signed=signed), 401)
    assert not installation.fake_records.calls


def test_a_body_that_was_changed_on_its_way_is_refused(installation: Installation) -> None:
    body = sent("incident.triggered")

    assert problem(post(installation, body + b" ", signed=signature(body)), 401)


def test_a_press_needs_the_secret(installation: Installation) -> None:
    for secret in ("", "pd_old", "PD_ACTIONS"):
        assert "X-Backout-Secret" in problem(press(installation, "abort", secret=secret), 401)
    assert not installation.fake_records.calls


def test_doors_without_a_credential_say_which_key_to_set() -> None:
    installation = Installation(config="cluster: prod")

    assert "auth.pagerduty " in problem(post(installation, "pagey.ping"), 503)
    assert "auth.pagerduty_actions" in problem(press(installation, "abort"), 503)


# ---- events


def test_a_ping_is_answered(installation: Installation) -> None:
    assert post(installation, "pagey.ping").status_code == 200


def test_an_incident_of_a_configured_service_opens_a_response(installation: Installation) -> None:
    [result] = results(post(installation, "incident.triggered"))

    assert (result["outcome"], result["service"]) == ("created", "checkout")
    response = state(installation, result["response_id"]).response
    assert response.source == "pagerduty"
    assert response.heard.references == {"pagerduty": ID}
    assert response.heard.alerts[0].url == f"https://acme.pagerduty.com/incidents/{ID}"


@pytest.mark.parametrize("name", ["reopened", "unacknowledged", "escalated", "service_updated"])
def test_an_incident_that_goes_on_opens_one_too(installation: Installation, name: str) -> None:
    assert results(post(installation, f"incident.{name}"))[0]["outcome"] == "created"


@pytest.mark.parametrize("name", IGNORED)
def test_other_events_are_answered_202_and_change_nothing(installation: Installation, name: str) -> None:
    answer = post(installation, name)

    assert answer.status_code == 202
    assert answer.get_json()["results"] == []
    assert not installation.fake_records.calls


def test_an_event_that_does_not_exist_yet_is_answered_202(installation: Installation) -> None:
    body = b'{"event": {"id": "1", "event_type": "incident.teleported", "data": [1]}}'

    assert post(installation, body).status_code == 202


def test_our_own_note_sets_nothing_off_though_something_runs(installation: Installation) -> None:
    identifier = opened(installation)
    before = codes(installation, identifier)

    assert post(installation, "incident.annotated-ours").status_code == 202
    assert codes(installation, identifier) == before


def test_pagerduty_may_send_it_again_for_two_days(installation: Installation) -> None:
    first = results(post(installation, "incident.triggered"))
    press(installation, "abort")
    installation.engine.handle(first[0]["response_id"])
    assert live(installation) is None
    installation.now += timedelta(hours=48)

    assert results(post(installation, "incident.triggered")) == first


def test_a_webhook_sent_again_is_answered_the_same_and_stores_nothing(installation: Installation) -> None:
    first = results(post(installation, "incident.triggered", webhook_id="w1"))
    commits = installation.fake_records.calls["commit"]

    assert results(post(installation, "incident.triggered", webhook_id="w1")) == first
    assert installation.fake_records.calls["commit"] == commits


def test_what_alertmanager_and_pagerduty_report_is_one_response(installation: Installation) -> None:
    [by_alertmanager] = results(installation.notify())

    [by_pagerduty] = results(post(installation, "incident.triggered"))

    assert by_pagerduty["outcome"] == "joined"
    assert by_pagerduty["response_id"] == by_alertmanager["response_id"]
    response = state(installation, by_alertmanager["response_id"]).response
    assert response.heard.references == {"pagerduty": ID}
    assert {alert.source for alert in response.heard.alerts} == {"alertmanager", "pagerduty"}


def test_a_resolved_incident_no_longer_fires(installation: Installation) -> None:
    identifier = opened(installation)

    assert results(post(installation, "incident.resolved"))[0]["outcome"] == "joined"

    assert state(installation, identifier).response.heard.all_resolved


def test_a_reopened_incident_fires_again_until_it_is_resolved_again(installation: Installation) -> None:
    identifier = opened(installation)
    post(installation, "incident.resolved", webhook_id="w1")
    post(installation, "incident.reopened", webhook_id="w2")
    assert not state(installation, identifier).response.heard.all_resolved

    again = sent("incident.resolved", reopened_at="2025-04-07T04:10:05Z")
    post(installation, again, webhook_id="w3")

    assert state(installation, identifier).response.heard.all_resolved


def test_a_merged_incident_goes_on_firing(installation: Installation) -> None:
    identifier = opened(installation)

    assert post(installation, "incident.resolved-merged").status_code == 202
    assert not state(installation, identifier).response.heard.all_resolved


def test_the_end_of_an_incident_that_nothing_runs_for_is_ignored(installation: Installation) -> None:
    [result] = results(post(installation, "incident.resolved"))

    assert (result["outcome"], result["reason"]) == ("ignored", "resolved")


def test_an_acknowledgement_is_put_down_once_with_who_gave_it(installation: Installation) -> None:
    identifier = opened(installation)

    [word] = post(installation, "incident.acknowledged").get_json()["words"]
    [again] = post(installation, "incident.acknowledged").get_json()["words"]

    assert (word["said"], again["said"]) == ("taken", "repeated")
    assert word["response_id"] == identifier
    assert codes(installation, identifier)[-1] == ("acknowledge", "pagerduty:PVE0ZR9")
    assert state(installation, identifier).response.live


def test_an_acknowledgement_is_put_down_on_the_response_that_the_incident_was_about_after_its_end(
    installation: Installation,
) -> None:
    identifier = opened(installation)
    installation.door.listener.say(identifier, "abort", by="alice")
    installation.engine.handle(identifier)
    assert not state(installation, identifier).response.live

    [word] = post(installation, "incident.acknowledged").get_json()["words"]

    assert (word["response_id"], word["said"]) == (identifier, "taken")
    assert codes(installation, identifier)[-1] == ("acknowledge", "pagerduty:PVE0ZR9")


def test_an_acknowledgement_of_nothing_is_answered_202(installation: Installation) -> None:
    assert post(installation, "incident.acknowledged").status_code == 202


def test_an_acknowledgement_of_our_own_is_none(rest: Rest) -> None:
    rest.user = Answer(body=b'{"user": {"email": "Bot@example.com"}}')
    installation = configured(
        url=rest.server.url, checkout="pagerduty_service: PNE3JZM", more=", acknowledge: true"
    )
    identifier = opened(installation)

    assert "own" in post(installation, "incident.acknowledged").get_json()["ignored"]
    assert ("acknowledge", "pagerduty:PVE0ZR9") not in codes(installation, identifier)

    rest.user = Answer(body=b'{"user": {"email": "ben@example.com"}}')
    post(installation, "incident.acknowledged")
    assert codes(installation, identifier)[-1] == ("acknowledge", "pagerduty:PVE0ZR9")


@pytest.mark.parametrize("body", [b"", b"no JSON", b"{}", b'{"event": {"event_type": "incident.triggered"}}'])
def test_a_signed_body_that_is_no_event_is_told_so(installation: Installation, body: bytes) -> None:
    assert post(installation, body).status_code in {400, 422}


def test_while_the_table_is_away_pagerduty_is_told_to_come_again(installation: Installation) -> None:
    installation.fake_records.away = True

    assert problem(post(installation, "incident.triggered"), 503)

    installation.fake_records.away = False
    assert results(post(installation, "incident.triggered"))[0]["outcome"] == "created"


def test_a_page_of_our_own_is_no_news(installation: Installation) -> None:
    identifier = opened(installation)
    page = {"id": "Q0PAGE", "incident_key": f"backout-{identifier}-team_lead"}
    before = state(installation, identifier)

    for name in ("incident.triggered", "incident.resolved"):
        assert "own" in post(installation, sent(name, **page)).get_json()["ignored"]

    assert state(installation, identifier) == before


def test_an_acknowledgement_of_our_own_page_is_one_of_its_response(installation: Installation) -> None:
    identifier = opened(installation)
    service = {"id": "PELSEWHERE", "type": "service_reference"}
    page = sent("incident.acknowledged", incident_key=f"backout-{identifier}", service=service)

    [word] = post(installation, page).get_json()["words"]

    assert (word["response_id"], word["said"]) == (identifier, "taken")


# ---- the service by the incident's alerts


def test_the_incidents_alerts_tell_the_service_and_its_numbers(rest: Rest) -> None:
    installation = configured(url=rest.server.url)

    [result] = results(post(installation, "incident.triggered"))

    assert (result["outcome"], result["service"]) == ("created", "checkout")
    matched = {
        row["row"]: row["reading"]["value"] for row in result["decision"]["rows"] if "value" in row["reading"]
    }
    assert (matched["error_rate_high"], matched["latency_p95"]) == (0.12, 7.5)
    response = state(installation, result["response_id"]).response
    assert (len(response.heard.alerts), response.heard.references) == (1, {"pagerduty": ID})


def test_an_incident_about_two_services_opens_a_response_for_each(rest: Rest) -> None:
    both = json.loads(TEXT)["alerts"] + json.loads(CUSTOM)["alerts"]
    rest.alerts = Answer(body=json.dumps({"alerts": both}).encode())
    installation = configured(url=rest.server.url)

    told = {r["service"]: r["outcome"] for r in results(post(installation, "incident.triggered"))}
    assert told == {"checkout": "created", "payments": "created"}

    told = {r["service"]: r["outcome"] for r in results(post(installation, "incident.resolved"))}
    assert told == {"checkout": "joined", "payments": "joined"}


def test_of_services_with_the_same_id_the_labels_choose(rest: Rest) -> None:
    installation = configured(
        url=rest.server.url, checkout="pagerduty_service: PNE3JZM", payments="pagerduty_service: PNE3JZM"
    )
    other = CUSTOM.replace(b'"payments"', b'"search"')
    both = json.loads(CUSTOM)["alerts"] + json.loads(other)["alerts"]
    rest.alerts = Answer(body=json.dumps({"alerts": both}).encode())

    assert [r["service"] for r in results(post(installation, "incident.triggered"))] == ["payments"]


def test_numbers_reach_a_service_that_is_found_by_its_id(rest: Rest) -> None:
    installation = configured(url=rest.server.url, checkout="pagerduty_service: PNE3JZM")

    [result] = results(post(installation, "incident.triggered"))

    assert result["decision"]["action"] == "rollback_now"


def test_a_service_found_by_its_id_does_not_wait_for_numbers_that_cannot_be_had(rest: Rest) -> None:
    rest.alerts = Answer(500)
    installation = configured(url=rest.server.url, checkout="pagerduty_service: PNE3JZM")

    assert results(post(installation, "incident.triggered"))[0]["outcome"] == "created"


def test_an_incident_of_another_cluster_is_ignored_though_its_id_is_ours(rest: Rest) -> None:
    rest.alerts = Answer(body=TEXT.replace(b"cluster = prod", b"cluster = test"))
    installation = configured(url=rest.server.url, checkout="pagerduty_service: PNE3JZM")

    assert [r["reason"] for r in results(post(installation, "incident.triggered"))] == ["other_cluster"]


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(429), Answer(200, b"<html>"), Answer(401), Answer(drops=True)]
)
def test_without_the_alerts_pagerduty_is_told_to_come_again(rest: Rest, answer: Answer) -> None:
    rest.alerts = answer
    installation = configured(url=rest.server.url)

    assert "pd_token" not in problem(post(installation, "incident.triggered"), 503)
    assert "commit" not in installation.fake_records.calls

    rest.alerts = Answer(body=TEXT)
    assert results(post(installation, "incident.triggered"))[0]["outcome"] == "created"


@pytest.mark.parametrize("body", [b'{"alerts": []}', TEXT.replace(b"production", b"staging")])
def test_an_incident_of_no_service_is_answered_202_with_a_reason(rest: Rest, body: bytes) -> None:
    rest.alerts = Answer(body=body)
    installation = configured(url=rest.server.url)

    assert [r["reason"] for r in results(post(installation, "incident.triggered"))] == ["unknown_service"]


def test_without_the_api_an_unknown_service_is_ignored() -> None:
    assert [r["reason"] for r in results(post(configured(), "incident.triggered"))] == ["unknown_service"]


# ---- buttons


def test_rollback_orders_one_in_the_name_of_who_pressed(installation: Installation) -> None:
    [result] = results(press(installation, "rollback"))

    response = state(installation, result["response_id"]).response
    assert response.order is not None
    assert (response.order.wanted, response.order.by) == ("rollback", "pagerduty:PVE0ZR9")
    assert response.order.requested_by == "Ben"
    assert response.heard.references == {"pagerduty": ID}


def test_a_press_sent_again_is_the_same_press(installation: Installation) -> None:
    first = results(press(installation, "rollback"))

    assert results(press(installation, "rollback")) == first
    assert len(installation.records.recent("2026-08-22")) == 1


def test_scale_orders_capacity(installation: Installation) -> None:
    [result] = results(press(installation, "scale", WORKFLOW))

    order = state(installation, result["response_id"]).response.order
    assert order is not None
    assert (order.wanted, order.by) == ("scale", "pagerduty:Ben")


@pytest.mark.parametrize("action", ["approve", "rollback"])
def test_a_yes_is_an_answer_to_what_is_asked(action: str) -> None:
    config = CONFIG.replace("mode: auto", "mode: approve")
    config = config.format(api="", checkout="pagerduty_service: PNE3JZM", payments="")
    installation = Installation(config=config)
    identifier = advanced(installation, error_rate=0.25)
    assert state(installation, identifier).response.phase == Step.APPROVE

    assert press(installation, action).status_code == 202

    approved = state(installation, identifier).response.approved
    assert approved is not None
    assert approved.by == "pagerduty:PVE0ZR9"


def test_a_rollback_that_is_being_held_is_held_no_longer(installation: Installation) -> None:
    identifier = advanced(installation, error_rate=0.07)
    assert state(installation, identifier).response.phase == Step.HOLD

    press(installation, "rollback")
    installation.engine.handle(identifier)

    assert state(installation, identifier).response.acted


def test_abort_ends_what_runs(installation: Installation) -> None:
    identifier = opened(installation)

    [word] = press(installation, "abort", WORKFLOW).get_json()["words"]

    assert (word["response_id"], word["said"]) == (identifier, "taken")
    installation.engine.handle(identifier)
    assert state(installation, identifier).response.phase == "aborted"


def test_abort_on_a_page_of_our_own_ends_what_it_is_about(installation: Installation) -> None:
    identifier = opened(installation)
    body = PRESS.replace(b"dfead9d88e0649e8b7dee514b1875756", f"backout-{identifier}".encode())

    [word] = press(installation, "abort", body.replace(b"PNE3JZM", b"PELSEWHERE")).get_json()["words"]

    assert (word["response_id"], word["said"]) == (identifier, "taken")


@pytest.mark.parametrize("action", ["approve", "abort"])
def test_a_word_on_nothing_is_answered_202(installation: Installation, action: str) -> None:
    answer = press(installation, action)

    assert answer.status_code == 202
    assert answer.get_json()["results"] == []


def test_freeze_stops_the_namespace_for_an_hour(installation: Installation) -> None:
    assert press(installation, "freeze").status_code == 202

    [(scope, freeze)] = installation.door.freezer.current().items()
    assert scope == "namespace/production"
    assert (freeze.by, freeze.until) == ("pagerduty:PVE0ZR9", installation.now + timedelta(hours=1))


def test_freeze_stops_the_team_where_there_is_one() -> None:
    installation = configured(checkout="pagerduty_service: PNE3JZM, team: shop")
    press(installation, "freeze")

    assert set(installation.door.freezer.current()) == {"team/shop"}


def test_freeze_does_not_shorten_a_longer_one(installation: Installation) -> None:
    installation.door.freezer.freeze("namespace/production", by="alice")
    press(installation, "freeze")

    [freeze] = installation.door.freezer.current().values()
    assert (freeze.by, freeze.until) == ("alice", None)


def test_of_several_services_the_one_whose_response_knows_the_incident_is_meant(rest: Rest) -> None:
    installation = configured(url=rest.server.url)
    post(installation, "incident.triggered")
    both = json.loads(TEXT)["alerts"] + json.loads(CUSTOM)["alerts"]
    rest.alerts = Answer(body=json.dumps({"alerts": both}).encode())

    [result] = results(press(installation, "rollback"))

    assert (result["service"], result["outcome"]) == ("checkout", "joined")


def test_an_order_on_several_services_is_given_to_none(rest: Rest) -> None:
    both = json.loads(TEXT)["alerts"] + json.loads(CUSTOM)["alerts"]
    rest.alerts = Answer(body=json.dumps({"alerts": both}).encode())
    installation = configured(url=rest.server.url)

    answer = press(installation, "rollback")

    assert answer.status_code == 202
    assert "checkout, payments" in answer.get_json()["ignored"]
    assert live(installation) is None


def test_a_press_on_an_incident_of_no_service_is_answered_202() -> None:
    assert "No configured service" in press(configured(), "rollback").get_json()["ignored"]


def test_another_event_than_a_press_is_answered_202(installation: Installation) -> None:
    body = PRESS.replace(b'"incident.custom"', b'"incident.trigger"')

    assert press(installation, "rollback", body).status_code == 202
    assert live(installation) is None


@pytest.mark.parametrize("path", ["/pagerduty/actions/explode", "/pagerduty/actions", "/pagerduty/more"])
def test_other_paths_are_not_there(installation: Installation, path: str) -> None:
    headers = bearer("x") | {"X-Backout-Secret": "pd_actions"}

    assert problem(installation.client.post(path, data=PRESS, headers=headers), 404)
