"""GitHub's webhook, as its stand-in posts it, stored as a task that answers it."""

import pytest
from werkzeug.test import TestResponse

from sandbox.receivers.github_gates import sign
from shared.domain.response import Task
from shared.ports import Asked
from tests.functions.installation import CONFIG, Installation, problem, with_tokens
from tests.intake.test_github import payload, pull

SECRET = "hook-secret"
KEY = "github-shop/checkout"
CONNECTED = CONFIG.replace("  read: env:READER", "  read: env:READER\n  github: [env:HOOK_OLD, env:HOOK]") + (
    'github: {token: "env:GITHUB"}\n'
)
REPOSITORY = ", github: {repository: shop/checkout}}"
CONNECTED = CONNECTED.replace("mode: auto}", f"mode: auto{REPOSITORY}")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Installation:
    with_tokens(monkeypatch)
    for name, value in (("HOOK_OLD", "old-secret"), ("HOOK", SECRET), ("GITHUB", "t")):
        monkeypatch.setenv(name, value)
    return Installation(CONNECTED)


def post(
    installation: Installation,
    body: bytes,
    *,
    event: str = "deployment_protection_rule",
    secret: str = SECRET,
    delivery: str = "d-1",
) -> TestResponse:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": sign(body, secret),
    }
    return installation.client.post("/github", data=body, headers=headers)


def owed(installation: Installation) -> list[Task]:
    return list(installation.records.tasks(KEY))


def test_a_deployment_that_asks_is_stored_and_answered_by_a_task(connected: Installation) -> None:
    answer = post(connected, payload())

    assert answer.status_code == 202
    [task] = owed(connected)
    assert (task.kind, task.due_at) == ("rule", connected.now)
    asked = Asked("shop/checkout", 9001, "production")
    connected.deployments.waiting.append(asked)
    connected.engine.tasks.run(KEY, task.name)
    assert [(each, approved) for each, approved, _ in connected.deployments.verdicts] == [(asked, True)]


def test_a_delivery_that_comes_again_is_answered_once(connected: Installation) -> None:
    for _ in range(2):
        assert post(connected, payload()).status_code == 202
    assert len(owed(connected)) == 1

    connected.deployments.waiting.append(Asked("shop/checkout", 9001, "production"))
    connected.engine.tasks.run_due(KEY)
    post(connected, payload())
    assert [task.due_at for task in owed(connected)] == [None]


def test_one_that_was_given_up_is_tried_anew_when_it_is_sent_again(connected: Installation) -> None:
    post(connected, payload())
    connected.engine.tasks.run_due(KEY)
    assert owed(connected)[0].result.startswith("given up")

    connected.deployments.waiting.append(Asked("shop/checkout", 9001, "production"))
    post(connected, payload())
    connected.engine.tasks.run_due(KEY)
    assert owed(connected)[0].receipt == "approved"


@pytest.mark.parametrize("secret", ["guessed", ""])
def test_what_is_not_signed_is_not_heard(connected: Installation, secret: str) -> None:
    assert "auth.github" in problem(post(connected, payload(), secret=secret), 401)
    assert owed(connected) == []


def test_the_older_secret_counts_while_it_is_rotated(connected: Installation) -> None:
    assert post(connected, payload(), secret="old-secret").status_code == 202


def test_a_ping_is_answered(connected: Installation) -> None:
    assert post(connected, b'{"zen": "Keep it logically awesome."}', event="ping").status_code == 200


@pytest.mark.parametrize(
    ("event", "body"), [("push", b"{}"), ("deployment_protection_rule", payload(action="completed"))]
)
def test_what_asks_nothing_is_answered_and_no_more(connected: Installation, event: str, body: bytes) -> None:
    answer = post(connected, body, event=event)
    assert (answer.status_code, answer.get_json()["results"]) == (202, [])
    assert owed(connected) == []


def test_what_is_no_payload_is_refused_in_words(connected: Installation) -> None:
    problem(post(connected, b"no json"), 400)
    problem(post(connected, b"{}"), 422)
    assert "X-GitHub-Delivery" in problem(post(connected, payload(), delivery=""), 400)


def test_without_a_secret_nobody_is_let_in(installation: Installation) -> None:
    assert "auth.github" in problem(post(installation, payload()), 503)


def test_a_merged_fix_is_stored_where_it_may_open_gates(connected: Installation) -> None:
    assert post(connected, pull(), event="pull_request").get_json()["results"] == []
    assert owed(connected) == []

    opening = Installation(CONNECTED + "gate: {fix_opens: true}\n")
    assert post(opening, pull(), event="pull_request").status_code == 202
    assert [(task.kind, task.facts["number"]) for task in owed(opening)] == [("fix", 7)]
