"""What was packaged, driven as Lambda does: a rollback happens, and no import is missing.

The tests build on each other's deployment, and the last one on all of them.
"""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx

from sandbox.awslambda import http_event
from shared.intake import links
from shared.intake.links import Link
from tests.package.deployed import ALICE, BAD, CHANNEL, GOOD, SECRETS, TABLE, Deployed

LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda itself does by the role of a function."""

_LINKS = ("secretsmanager:GetSecretValue", "secret:backout/links")
UNSEEN = {
    # A call to a contact has a link in it; nobody is called here. Lambda's poller asks about the queue.
    "advance": frozenset({_LINKS, ("sqs:GetQueueAttributes", "Queue")}),
    # A gate may be opened while the response that closed it still runs, which is told then.
    "gates": frozenset({("sqs:SendMessage", "Queue")}),
    # As for advance; and a digest, which is due in the morning, reads what happened.
    "sweep": frozenset({_LINKS, ("dynamodb:Query", "Table/index/recent")}),
}
"""What a role allows besides what was called here, and why."""

# A task reads the history; whether the sweep or a worker comes to it first is the machine's affair.
RACED = {"sweep": frozenset({("dynamodb:Query", "Table")})}
"""What a role allows and its function may or may not have called here."""


def test_an_alert_is_answered_202_and_a_rollback_happens(running: Deployed) -> None:
    running.deploy("checkout", BAD)

    answer = running.alert("checkout")
    assert answer.status_code == 202, answer.text
    [result] = answer.json()["results"]
    told = running.eventually(lambda: running.ended(result["response_id"]), "the response did not end")

    assert told["phase"] == "completed", told["events"][-1]
    assert running.rollbacks("checkout") == 1
    assert set(running.cluster.running_images("production", "deployment", "checkout")) == {GOOD}


def test_people_read_of_it_in_slack_in_the_list_and_in_the_report(running: Deployed) -> None:
    running.eventually(lambda: any("checkout" in m.text for m in running.slack.messages), "no message")

    listed = running.call("GET", f"/responses?day={datetime.now(UTC).date()}").json()["responses"]
    [response] = [each for each in listed if each["service"] == "checkout"]
    report = running.call("GET", f"/responses/{response['id']}/report")
    assert report.headers["content-type"].startswith("text/markdown")
    assert GOOD in report.text


def test_the_gate_that_a_rollback_closed_is_opened_by_a_person(running: Deployed) -> None:
    assert running.call("GET", "/gates/checkout").status_code == 423
    assert [each["gate"] for each in running.call("GET", "/gates").json()["gates"]] == ["closed"]
    assert running.call("DELETE", "/gates/checkout", "alice-token").json()["opened"]
    assert running.call("GET", "/gates/checkout").status_code == 200


def test_a_deployment_that_asks_is_stored_for_the_worker(running: Deployed) -> None:
    asked = running.github.gates.ask(
        "shop/unknown",
        "production",
        api=running.github.url,
        url=f"{running.api.url}/github",
        secret=SECRETS["ssm"]["github-signing"],
    )
    assert asked.status_code == 202, asked.text


def test_a_question_is_shown_by_its_link_and_answered_in_slack(running: Deployed) -> None:
    running.deploy("payments", BAD)
    response_id = running.opened("payments")

    def asked() -> str:
        found = [m for m in running.slack.messages if response_id in json.dumps(m.blocks)]
        return next((m.ts for m in found if "backout:approve" in m.buttons), "")

    ts = running.eventually(asked, "nobody was asked")
    page = httpx.get(f"{running.api.url}/decide/{link(running, response_id)}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    [message] = [m for m in running.slack.messages if (m.channel, m.ts) == (CHANNEL, ts)]
    assert running.slack.press(message, "backout:approve", ALICE, to=f"{running.api.url}/slack").is_success

    told = running.eventually(lambda: running.ended(response_id), "the response did not end")
    assert told["phase"] == "completed", told["events"][-1]
    assert running.rollbacks("payments") == 1


def test_an_incident_in_pagerduty_asks_and_an_answer_by_link_ends_it(running: Deployed) -> None:
    running.deploy("carts", BAD)
    incident = running.pagerduty.open_incident(title="carts is slow", service="PCARTS")
    sent = running.pagerduty.webhook("incident.triggered", incident.id, to=f"{running.api.url}/pagerduty")
    assert sent.status_code == 202, sent.text
    response_id = sent.json()["results"][0]["response_id"]
    running.eventually(lambda: running.response(response_id)["phase"] == "approve", "nobody was asked")

    address = f"{running.api.url}/decide/{link(running, response_id)}"
    decided = httpx.post(address, data={"verb": "abort", "reason": "it is the database"})

    assert decided.status_code == 200, decided.text
    told = running.eventually(lambda: running.ended(response_id), "the response did not end")
    assert told["phase"] == "aborted", told["events"][-1]


def test_a_button_in_pagerduty_needs_its_secret(running: Deployed) -> None:
    incident = running.pagerduty.open_incident(title="carts is slow again", service="PCARTS")
    for secret, status in ((SECRETS["ssm"]["pagerduty-actions"], 202), ("guessed", 401)):
        pressed = running.pagerduty.press(
            incident.id,
            to=f"{running.api.url}/pagerduty/actions/abort",
            headers={"X-Backout-Secret": secret},
        )
        assert pressed.status_code == status, pressed.text


def test_an_order_is_given_and_taken_back(running: Deployed) -> None:
    response_id = running.ordered("assess", "carts")

    assert running.call("POST", f"/responses/{response_id}/abort", "alice-token").status_code == 202

    told = running.eventually(lambda: running.ended(response_id), "the response did not end")
    assert told["phase"] == "aborted", told["events"][-1]


def test_a_dry_run_looks_at_the_cluster_and_touches_nothing(running: Deployed) -> None:
    order = {"action": "rollback", "service": "checkout", "dry_run": True}

    told = running.call("POST", "/invoke", "alice-token", json=order)

    assert told.status_code == 200, told.text
    assert told.json()["facts"]["image"] == GOOD


def test_a_freeze_is_set_shown_and_lifted(running: Deployed) -> None:
    assert running.call("PUT", "/freeze/team/shop", "alice-token", json={"for": "1h"}).status_code == 200
    assert running.call("GET", "/freeze/team/shop").json()["freeze"]["by"] == "alice"
    assert running.call("DELETE", "/freeze/team/shop", "alice-token").json()["thawed"]


def test_the_doctor_finds_all_that_is_configured(running: Deployed) -> None:
    findings = {each["name"]: each for each in running.call("GET", "/doctor").json()["findings"]}

    assert {name: f for name, f in findings.items() if f["state"] not in {"ok", "off"}} == {}
    assert {"cluster", "table", "Prometheus", "Slack", "PagerDuty"} <= set(findings)


def test_health_is_told_to_anyone(running: Deployed) -> None:
    assert running.call("GET", "/healthz", "").json() == {"status": "ok"}
    assert running.call("GET", "/readyz", "").json() == {"status": "ready"}


def test_the_configuration_that_was_packaged_is_read(running: Deployed) -> None:
    asked = http_event("GET", "/healthz", route="GET /healthz", parameters={})

    with running.instance("health") as health:
        assert health.invoke(asked)["statusCode"] == 200
    with running.instance("health", BACKOUT_CONFIG="absent.yaml") as health:
        assert health.invoke(asked)["statusCode"] == 503


def test_every_route_is_its_functions_own_and_none_is_open(running: Deployed) -> None:
    open_to_all = {"GET /healthz", "GET /readyz"}
    for route in running.template.routes.keys() - open_to_all:
        method, _, path = route.partition(" ")
        for variable in ("{id}", "{scope+}", "{service}", "{token}"):
            path = path.replace(variable, "unknown")
        answer = running.call(method, path.replace("{action}", "abort"), "")

        closed = 403 if "/decide/" in path else 401
        assert answer.status_code == closed, f"{route}: {answer.status_code} {answer.text}"
        assert "There is nothing at" not in answer.text, route
    assert running.call("POST", "/advance").json() == {"message": "Not Found"}


def test_a_poison_message_comes_again_alone_and_ends_with_the_dead_letters(running: Deployed) -> None:
    client, queue = running.aws.client("sqs"), running.poller.queue_url
    for body in ("no JSON", '{"response_id": "none"}'):
        client.send_message(QueueUrl=queue, MessageBody=body)

    with running.showing_failed_messages_at_once():
        delivered = [running.poller.poll() for _ in range(4)]

    assert '{"response_id": "none"}' in delivered[0].bodies
    assert [batch.failed for batch in delivered] == [["no JSON"], ["no JSON"], ["no JSON"], []]
    dead = client.receive_message(QueueUrl=running.dead_letters_url)["Messages"]
    assert [message["Body"] for message in dead] == ["no JSON"]


def test_a_message_that_meets_a_live_lease_is_acknowledged(running: Deployed) -> None:
    response_id = running.ordered("assess", "payments")
    leased(running, response_id, until=time.time() + 60)
    before = running.state(response_id)

    batch = running.poller.poll()

    assert any(response_id in body for body in batch.bodies)
    assert batch.failed == []
    assert running.state(response_id) == before


def test_a_worker_that_was_killed_is_taken_over_when_its_lease_is_over(running: Deployed) -> None:
    """Its message is hidden for minutes; the sweep finds what it left."""
    response_id = running.ordered("assess", "checkout")
    running.lose_messages()
    leased(running, response_id, until=time.time() - 1)

    assert running.sweep()["responses"] >= 1

    told = running.eventually(lambda: running.ended(response_id), "the response did not end")
    assert told["phase"] == "completed", told["events"][-1]


def test_the_sweep_finds_a_response_whose_message_was_lost(running: Deployed) -> None:
    response_id = running.ordered("assess", "checkout")
    running.lose_messages()

    assert running.sweep()["responses"] >= 1

    told = running.eventually(lambda: running.ended(response_id), "the response did not end")
    assert told["phase"] == "completed", told["events"][-1]


def test_a_function_calls_what_its_role_allows_and_its_role_allows_no_more(running: Deployed) -> None:
    allowed = {name: running.template.rights(name) for name in running.template.functions}
    called = {name: frozenset(running.aws.called[name]) for name in allowed}

    assert {name: calls for name in allowed if (calls := called[name] - allowed[name])} == {}
    seen = {n: called[n] | RACED.get(n, frozenset()) for n in allowed}
    unused = {n: {r for r in allowed[n] - seen[n] if r[0] not in LOGGING} for n in allowed}
    assert {name: rights for name, rights in unused.items() if rights} == UNSEEN


def leased(running: Deployed, response_id: str, *, until: float) -> None:
    """Have another worker hold the lease of a response until then, as the table says it."""
    running.aws.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"RESPONSE#{response_id}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET #owner = :owner, lease_until = :until, due_at = :until",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": {"S": "another"}, ":until": {"N": f"{until:.6f}"}},
    )


def link(running: Deployed, response_id: str) -> str:
    """Return the token of the link that answers a response's question."""
    asked = running.state(response_id).response.question
    until = datetime.now(UTC) + timedelta(minutes=10)
    return links.signed(Link(response_id, asked, "on_call", until), SECRETS["secretsmanager"]["links"])
