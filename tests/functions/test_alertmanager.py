import base64
import json
import subprocess
import sys
from io import BytesIO

import pytest

from shared.intake.bodies import MAX_BYTES
from tests.functions.installation import EVENTS, FIRING, Installation, problem, results

LIGHT = """
import sys
import functions.alertmanager

heavy = {
    "cryptography", "httpx", "icalendar", "joserfc", "kubernetes", "moto", "opentelemetry",
    "prometheus_client", "redis", "rich", "slack_sdk", "typer",
}
assert not heavy & set(sys.modules), heavy & set(sys.modules)

from flask import Request
from werkzeug.test import EnvironBuilder
from shared.adapters.dynamodb import DynamoRecords, make_client
from shared.bootstrap import Door, utc_now
from shared.errors import TemporaryError
from shared.settings import Secrets, parse

class NoQueue:
    def send(self, response_id, *, delay_seconds=0.0, held=None):
        raise TemporaryError("no queue")

settings = parse("cluster: prod\\nauth: {alertmanager: 'env:AM'}")
door = Door(settings, Secrets(), DynamoRecords(make_client(), "backout"), NoQueue(), utc_now)
builder = EnvironBuilder(
    path="/alertmanager", method="POST", data=b'{"alerts": [], "status": "firing"}',
    headers={"Authorization": "Bearer secret"},
)
answer = functions.alertmanager.respond(door, Request(builder.get_environ()))
assert answer.status_code == 202, answer.get_data()
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def nested(depth: int) -> bytes:
    return b'{"extra": ' + b"[" * depth + b"]" * depth + b"}"


def labelled(count: int) -> bytes:
    labels = {f"label_{i}": "x" for i in range(count)} | {"deployment": "checkout", "namespace": "production"}
    alert = {"status": "firing", "labels": labels, "startsAt": "2026-08-22T10:00:00Z"}
    return json.dumps({"alerts": [alert]}).encode()


def padded(size: int) -> bytes:
    return FIRING.rstrip() + b" " * (size - len(FIRING.rstrip()))


def test_a_firing_alert_opens_a_response_and_is_told_the_decision(installation: Installation) -> None:
    [result] = results(installation.notify())

    assert result["outcome"] == "created"
    assert result["service"] == "checkout"
    assert result["workload"] == "production/deployment/checkout"
    assert result["reason"] is None
    assert result["decision"]["action"] == "rollback_now"
    matched = [row for row in result["decision"]["rows"] if row["verdict"] == "matched"]
    assert [(row["row"], row["reading"]["value"]) for row in matched] == [("error_rate_high", 0.12)]
    assert installation.queue.sent == [(result["response_id"], 0.0)]


def test_a_repeat_is_answered_the_same_and_stores_nothing(installation: Installation) -> None:
    first = results(installation.notify())
    commits = installation.fake_records.calls["commit"]

    assert results(installation.notify()) == first
    assert installation.fake_records.calls["commit"] == commits


def test_several_services_in_one_message_get_a_result_each(installation: Installation) -> None:
    body = (EVENTS / "alertmanager-0.34-several-services.json").read_bytes()

    told = {result["service"]: result["outcome"] for result in results(installation.notify(body))}

    assert told == {"checkout": "created", "payments": "created", "search": "created"}


def test_an_alert_of_no_service_is_ignored_with_a_reason(installation: Installation) -> None:
    body = FIRING.replace(b'"production"', b'"staging"')

    [result] = results(installation.notify(body))

    assert (result["outcome"], result["reason"], result["decision"]) == ("ignored", "unknown_service", None)
    assert result["detail"].startswith("No configured service")


def test_grafana_is_understood_at_the_same_path(installation: Installation) -> None:
    body = (EVENTS / "grafana-firing.json").read_bytes()

    assert [result["outcome"] for result in results(installation.notify(body))] == ["created"]


@pytest.mark.parametrize("token", ["am-old", "am-new"])
def test_each_value_of_a_credential_opens_the_door(installation: Installation, token: str) -> None:
    assert results(installation.notify(token=token))


def test_a_basic_password_opens_the_door(installation: Installation) -> None:
    basic = base64.b64encode(b"anyone:am-new").decode()

    answer = installation.client.post(
        "/alertmanager", data=FIRING, headers={"Authorization": f"Basic {basic}"}
    )

    assert results(answer)


@pytest.mark.parametrize("token", ["", "wrong", "alice-token"])
def test_without_its_credential_nothing_is_read(installation: Installation, token: str) -> None:
    answer = installation.notify(b"not even JSON", token=token)

    assert "auth.alertmanager" in problem(answer, 401)
    offered = " ".join(answer.headers.getlist("WWW-Authenticate"))
    assert "Bearer" in offered
    assert "Basic" in offered
    assert not installation.fake_records.calls


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not JSON", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"alerts": {}}', 422),
        (b'{"alerts": [{"status": "on", "labels": {}, "startsAt": "2026-08-22T10:00:00Z"}]}', 422),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": "yesterday"}]}', 422),
        (nested(100_000), 400),
    ],
)
def test_a_body_that_can_never_be_right_is_a_problem_that_says_why(
    installation: Installation, body: bytes, status: int
) -> None:
    assert problem(installation.notify(body), status)


def test_a_body_of_five_mib_is_read(installation: Installation) -> None:
    assert results(installation.notify(padded(MAX_BYTES)))


def test_one_byte_more_is_not(installation: Installation) -> None:
    assert problem(installation.notify(padded(MAX_BYTES + 1)), 413)


def test_a_body_of_unknown_length_ends_at_five_mib_too(installation: Installation) -> None:
    answer = installation.client.post(
        "/alertmanager",
        input_stream=BytesIO(padded(MAX_BYTES + 1)),
        headers={"Authorization": "Bearer am-old", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert problem(answer, 413)


def test_a_hundred_thousand_labels_are_borne(installation: Installation) -> None:
    [result] = results(installation.notify(labelled(100_000)))

    assert result["service"] == "checkout"


def test_while_the_table_is_away_the_sender_is_told_to_come_again(installation: Installation) -> None:
    installation.fake_records.away = True

    answer = installation.notify()

    assert problem(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1

    installation.fake_records.away = False
    assert [result["outcome"] for result in results(installation.notify())] == ["created"]


def test_a_queue_that_is_away_loses_nothing(installation: Installation) -> None:
    installation.queue.away = True

    [result] = results(installation.notify())

    [due] = installation.records.due(installation.now)
    assert due.response_id == result["response_id"]


@pytest.mark.parametrize("path", ["/alertmanagers", "/alertmanager/more", "/"])
def test_other_paths_are_not_there(installation: Installation, path: str) -> None:
    assert path in problem(installation.client.post(path, data=FIRING), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_not_answered(installation: Installation, method: str) -> None:
    answer = installation.client.open("/alertmanager", method=method)

    assert problem(answer, 405) == "Only POST is answered here."
    assert answer.headers["Allow"] == "POST"


def test_neither_importing_nor_answering_loads_a_heavy_client() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT],
        env={"AM": "secret", "AWS_DEFAULT_REGION": "eu-central-1", "PYTHONPATH": str(EVENTS.parents[1])},
        check=False,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
