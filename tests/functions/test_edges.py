import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from functions_framework import create_app
from moto.server import ThreadedMotoServer

from functions import advance, alertmanager, freeze, health, invoke, responses
from sandbox.cluster import Cluster
from shared.adapters.dynamodb import create_table
from shared.errors import ConfigurationError
from tests.functions.installation import CONFIG, FIRING, TOKENS, problem

ROOT = Path(__file__).resolve().parents[2]
HTTP = [alertmanager, invoke, responses, freeze, health]

DEPLOYED = """
import json, os, sys
import boto3
from functions import advance, alertmanager, responses

def read(url):
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [{"messageId": m["MessageId"], "body": m["Body"]} for m in found]

notify, show = json.load(sys.stdin)
accepted = alertmanager.handler(notify, None)
[result] = json.loads(accepted["body"])["results"]
batch = advance.handler({"Records": read(os.environ["BACKOUT_QUEUE_URL"])}, None)
sweep = advance.handler({"source": "aws.events", "detail-type": "Scheduled Event"}, None)
show["rawPath"] += result["response_id"]
shown = responses.handler(show, None)
print(json.dumps([accepted, batch, sweep, shown]))
"""


def gateway_event(method: str, path: str, token: str, body: bytes = b"") -> dict[str, Any]:
    """Return an event as API Gateway sends it to Lambda (payload 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {token}", "content-type": "application/json", "host": "x"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"}
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the environment of a function that is deployed beside a table, a queue and a cluster."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    config = tmp_path / "backout.yaml"
    config.write_text(CONFIG)
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "BACKOUT_CONFIG": str(config),
        "BACKOUT_TABLE": "deployed",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "AWS_LAMBDA_FUNCTION_NAME": "backout-test",
        "PATH": os.environ["PATH"],
        **TOKENS,
    }
    options: dict[str, Any] = {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": "made-up",
        "aws_secret_access_key": "made-up",
    }
    try:
        create_table(boto3.client("dynamodb", **options), "deployed")
        queue = boto3.client("sqs", **options).create_queue(QueueName="advance")
        environment["BACKOUT_QUEUE_URL"] = queue["QueueUrl"]
        with Cluster() as cluster:
            cluster.write_kubeconfig(tmp_path / "kubeconfig")
            yield environment
    finally:
        server.stop()


def test_a_deployed_alert_goes_through_the_queue_to_its_end(aws: dict[str, str]) -> None:
    events = [
        gateway_event("POST", "/alertmanager", "am-new", FIRING),
        gateway_event("GET", "/responses/", "read-token"),
    ]

    ran = subprocess.run(
        [sys.executable, "-c", DEPLOYED],
        input=json.dumps(events),
        env=aws,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    *printed, last = ran.stdout.splitlines()
    accepted, batch, sweep, shown = json.loads(last)
    assert accepted["statusCode"] == 202
    assert batch == {"batchItemFailures": []}
    assert sweep["failed"] == 0
    told = json.loads(shown["body"])
    assert (told["phase"], told["reason"]) == ("refused", "not_found")
    check_what_it_told_besides(printed, ran.stderr.splitlines(), told["id"])


def check_what_it_told_besides(printed: list[str], logged: list[str], response_id: str) -> None:
    """Metrics on stdout, each a line as CloudWatch reads it; on stderr the log, each line about something."""
    metrics = [json.loads(line) for line in printed]
    assert all(metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Backout" for metric in metrics)
    names = [metric["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for metric in metrics]
    assert {"alerts_total", "responses_ended_total", "guardrails_total", "decisions_total"} <= set(names)
    assert names.count("responses_ended_total") == 1
    lines = [json.loads(line) for line in logged]
    of_it = [line for line in lines if line.get("response") == response_id]
    assert {"assess", "refused"} <= {line.get("step") for line in of_it}
    assert not [token for token in TOKENS.values() if token in "".join(logged)]


@pytest.mark.parametrize("module", HTTP, ids=lambda module: module.__name__)
def test_a_function_without_its_environment_says_what_to_set(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOUT_CONFIG", raising=False)

    answer = module.handler(gateway_event("GET", "/", "x"), None)

    assert answer["statusCode"] == 503
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "BACKOUT_CONFIG" in json.loads(answer["body"])["detail"]


@pytest.mark.parametrize("module", HTTP, ids=lambda module: module.__name__)
def test_a_function_runs_under_functions_framework(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKOUT_CONFIG", raising=False)

    served = create_app("main", module.__file__, "http")  # type: ignore[no-untyped-call]

    assert "BACKOUT_CONFIG" in problem(served.test_client().post("/", data=FIRING), 503)


def test_advance_without_its_environment_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKOUT_CONFIG", raising=False)

    with pytest.raises(ConfigurationError, match="BACKOUT_CONFIG"):
        advance.handler({"Records": []}, None)
