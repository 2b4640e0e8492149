"""Presses in Slack, from the signed request to the word in the history and what the presser is told."""

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from sandbox.receivers.slack import SIGNING_SECRET, TOKEN, Slack
from shared.adapters.slack import SlackPeople
from shared.domain.response import Step
from shared.domain.signals import Signal
from shared.messages.wording import Wording
from tests.fakes.http_server import Answer, Request, Server, serving
from tests.functions.installation import EVENTS, Installation, problem, results

CONFIG = """
cluster: prod
prometheus: {url: "http://127.0.0.1:9"}
auth:
  alertmanager: env:AM_OLD
  slack: ["env:SLACK_OLD", "env:SLACK_SIGNING"]
slack: {token: "env:SLACK_TOKEN", url: "SLACK_URL", channel: C0DEFAULT}
guardrails: {namespaces: [production]}
teams:
  payments: {slack: {channel: C0PAY, approvers: [U01ALICE, U03CAROL, S02LEADS]}}
services:
  - {name: checkout, workload: production/deployment/checkout, mode: MODE, team: payments}
"""
LIGHT = """
import sys
import functions.slack
heavy = {"kubernetes", "httpx", "slack_sdk", "prometheus_client", "moto", "rich", "typer"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def sandboxed(url: str = "http://127.0.0.1:9/", mode: str = "approve") -> Installation:
    installation = Installation(CONFIG.replace("SLACK_URL", url).replace("MODE", mode))
    installation.deployed_badly()
    return installation


def asking(installation: Installation) -> str:
    """Have checkout's alert arrive, and the response ask whether it may; return its id."""
    [result] = results(installation.notify())
    response_id: str = result["response_id"]
    installation.engine.handle(response_id)
    assert run(installation, response_id).phase == Step.APPROVE
    return response_id


def run(installation: Installation, response_id: str) -> Any:
    return installation.records.read(responses=[response_id]).states[response_id].response


def payload(response_id: str, question: str, verb: str = "approve", **more: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads((EVENTS / "slack" / "block-actions.json").read_text())
    value = {"response": response_id, "verb": verb, "question": "" if verb == "abort" else question}
    sent["actions"][0].update(action_id=f"backout:{verb}", value=json.dumps(value))
    return {**sent, "response_url": "", **more}


def user(user_id: str) -> dict[str, str]:
    return {"id": user_id, "username": user_id.lower(), "name": user_id.lower(), "team_id": "T01ACME"}


def signed(
    installation: Installation,
    body: bytes,
    *,
    secret: str = SIGNING_SECRET,
    age: timedelta = timedelta(),
    **headers: str,
) -> TestResponse:
    timestamp = str(int((installation.now - age).timestamp()))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return installation.client.post(
        "/slack",
        data=body,
        headers={
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": f"v0={digest}",
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        },
    )


def press(
    installation: Installation, response_id: str, verb: str = "approve", *, by: str = "U01ALICE", **more: Any
) -> TestResponse:
    question = more.pop("question", run(installation, response_id).question)
    sent = payload(response_id, question, verb, user=user(by), **more)
    return signed(installation, urlencode({"payload": json.dumps(sent)}).encode())


def words(installation: Installation, response_id: str) -> list[tuple[str, str]]:
    return [(word.verb, word.by) for word in run(installation, response_id).heard.words]


def answers(server: Server) -> list[str]:
    """Return what pressers were told, each alone."""
    told = [json.loads(request.body) for request in server.requests]
    assert all(t["response_type"] == "ephemeral" and not t["replace_original"] for t in told)
    return [t["text"] for t in told]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLACK_OLD": "old", "SLACK_SIGNING": SIGNING_SECRET, "SLACK_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AM_OLD", "am-old")


@pytest.fixture
def installation() -> Installation:
    return sandboxed()


@pytest.fixture
def presser() -> Iterator[Server]:
    """Where a press's response URL leads."""
    with serving(lambda _: Answer(200, b"ok")) as server:
        yield server


@contextmanager
def served(installation: Installation) -> Iterator[str]:
    """Serve the installation over HTTP; yield where Slack finds it."""
    server = make_server("127.0.0.1", 0, installation.client.application, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/slack"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_approvers_press_is_a_word_on_what_is_asked(installation: Installation, presser: Server) -> None:
    response_id = asking(installation)

    answer = press(installation, response_id, response_url=presser.url)

    assert (answer.status_code, answer.data) == (200, b"")
    assert words(installation, response_id) == [("approve", "slack:U01ALICE (u01alice)")]
    assert installation.queue.sent[-1] == (response_id, 0.0)
    assert answers(presser) == []


def test_a_press_of_abort_stops_the_response(installation: Installation) -> None:
    response_id = asking(installation)

    assert press(installation, response_id, "abort").status_code == 200
    installation.engine.handle(response_id)

    assert run(installation, response_id).phase == "aborted"
    assert installation.workloads.applied == []


def test_pressed_twice_it_counts_once_and_the_presser_is_told(
    installation: Installation, presser: Server
) -> None:
    response_id = asking(installation)
    press(installation, response_id)

    assert press(installation, response_id, response_url=presser.url).status_code == 200

    assert len(words(installation, response_id)) == 1
    [told] = answers(presser)
    assert told.startswith("You have said yes already")


def test_of_two_at_once_the_first_word_counts_and_the_other_is_told_whose_it_was(
    installation: Installation, presser: Server
) -> None:
    response_id = asking(installation)

    with ThreadPoolExecutor(2) as pool:
        pressers = ("U01ALICE", "U03CAROL")
        pressed = [
            pool.submit(press, installation, response_id, by=by, response_url=presser.url) for by in pressers
        ]
        assert [p.result().status_code for p in pressed] == [200, 200]

    [(_, first)] = words(installation, response_id)
    [told] = answers(presser)
    assert told.startswith("<@U01ALICE>" if "U01ALICE" in first else "<@U03CAROL>")
    assert "was first" in told


def test_a_yes_after_a_no_is_told_whose_no_it_was(installation: Installation, presser: Server) -> None:
    response_id = asking(installation)
    press(installation, response_id, "abort", by="U03CAROL")

    press(installation, response_id, response_url=presser.url)

    assert [verb for verb, _ in words(installation, response_id)] == ["abort"]
    [told] = answers(presser)
    assert told.startswith("<@U03CAROL> was first")


def test_a_word_said_elsewhere_is_told_by_its_name(installation: Installation, presser: Server) -> None:
    response_id = asking(installation)
    installation.door.listener.say(response_id, "approve", by="<ci>")

    press(installation, response_id, response_url=presser.url)

    [told] = answers(presser)
    assert told.startswith("&lt;ci&gt; was first")


def test_a_press_on_a_question_that_is_not_asked_any_more_changes_nothing(
    installation: Installation, presser: Server
) -> None:
    response_id = asking(installation)

    press(installation, response_id, question="other>one", response_url=presser.url)

    assert words(installation, response_id) == []
    assert answers(presser) == ["That is not asked any more: the message shows what is."]


def test_when_it_has_ended_the_presser_is_told_how(installation: Installation, presser: Server) -> None:
    response_id = asking(installation)
    press(installation, response_id, "abort")
    installation.engine.handle(response_id)

    assert press(installation, response_id, response_url=presser.url).status_code == 200

    assert answers(presser) == ["It has ended already: aborted."]


def test_a_press_for_a_response_that_is_not_there_is_told(
    installation: Installation, presser: Server
) -> None:
    sent = payload("r-gone", "a>b", response_url=presser.url)

    assert signed(installation, urlencode({"payload": json.dumps(sent)}).encode()).status_code == 200

    assert answers(presser) == ["There is no response r-gone any more."]


def test_someone_without_the_right_is_refused_told_and_recorded(presser: Server) -> None:
    with serving(lambda _: Answer(200, b'{"ok": true, "users": ["U01ALICE"]}')) as slack:
        installation = sandboxed(slack.url)
        response_id = asking(installation)

        for _ in range(2):
            answer = press(installation, response_id, by="U09MALLORY", response_url=presser.url)
            assert answer.status_code == 200
        installation.engine.handle(response_id)

    assert run(installation, response_id).phase == Step.APPROVE
    refused = [e for e in installation.records.events(response_id) if e.code == "refused"]
    assert [(e.by, e.facts["reason"]) for e in refused] == [("slack:U09MALLORY (u09mallory)", "approve")]
    assert [told.split(",")[0] for told in answers(presser)] == ["You may not answer for this service"] * 2


def test_a_member_of_an_approving_user_group_may_and_is_looked_up_once_a_minute() -> None:
    def group(request: Request) -> Answer:
        assert request.form == {"usergroup": "S02LEADS"}
        return Answer(200, b'{"ok": true, "users": ["U05ERIN"]}')

    with serving(group) as slack:
        installation = sandboxed(slack.url)
        response_id = asking(installation)

        press(installation, response_id, by="U05ERIN")
        press(installation, response_id, "abort", by="U05ERIN")

    assert [verb for verb, _ in words(installation, response_id)] == ["approve", "abort"]
    assert len(slack.requests) == 1


def test_while_slack_does_not_say_who_is_in_the_group_the_press_fails_and_changes_nothing(
    presser: Server,
) -> None:
    with serving(lambda _: Answer(503)) as slack:
        installation = sandboxed(slack.url)
        response_id = asking(installation)

        answer = press(installation, response_id, by="U05ERIN", response_url=presser.url)

    assert problem(answer, 503)
    assert words(installation, response_id) == []
    assert "Press again" in answers(presser)[0]


def test_approvers_by_name_need_no_slack_to_be_let_in(installation: Installation) -> None:
    response_id = asking(installation)

    assert press(installation, response_id, "abort", by="U03CAROL").status_code == 200

    assert [verb for verb, _ in words(installation, response_id)] == ["abort"]


def test_a_service_without_approvers_lets_nobody_answer(presser: Server) -> None:
    config = sandboxed().config
    installation = Installation(config.replace(", approvers: [U01ALICE, U03CAROL, S02LEADS]", ""))
    installation.deployed_badly()
    response_id = asking(installation)

    press(installation, response_id, response_url=presser.url)

    assert [verb for verb, _ in words(installation, response_id)] == ["refused"]
    assert "teams.payments.slack.approvers" in answers(presser)[0]


def test_roll_back_now_ends_a_hold() -> None:
    held = sandboxed(mode="auto")
    body = (EVENTS / "alertmanager-0.25-firing.json").read_bytes()
    held.signals.says({Signal.ERROR_RATE: 0.08, Signal.LATENCY_P95: 0.2})
    [result] = results(held.notify(body.replace(b'"0.12"', b'"0.08"')))
    response_id = result["response_id"]
    held.engine.handle(response_id)
    assert run(held, response_id).phase == Step.HOLD

    assert press(held, response_id, "now").status_code == 200
    held.engine.handle(response_id)

    assert len(held.workloads.applied) == 1


@pytest.mark.parametrize("secret", ["old", SIGNING_SECRET])
def test_each_secret_of_a_rotation_is_taken(installation: Installation, secret: str) -> None:
    body = (EVENTS / "slack" / "url-verification.json").read_bytes()

    answer = signed(installation, body, secret=secret)

    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert answer.text == "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another"},
        {"age": timedelta(seconds=301)},
        {"age": timedelta(seconds=-301)},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v1=00"},
        {"X-Slack-Request-Timestamp": "0"},
        {"X-Slack-Request-Timestamp": "now"},
    ],
    ids=str,
)
def test_what_slack_has_not_signed_lately_is_401_and_nothing_is_read(
    installation: Installation, wrong: dict[str, Any]
) -> None:
    response_id = asking(installation)
    question = run(installation, response_id).question
    body = urlencode({"payload": json.dumps(payload(response_id, question))}).encode()
    reads = dict(installation.fake_records.calls)

    assert "auth.slack" in problem(signed(installation, body, **wrong), 401)
    assert installation.fake_records.calls == reads


def test_a_replay_within_the_window_stores_nothing(installation: Installation) -> None:
    response_id = asking(installation)
    press(installation, response_id)
    commits = installation.fake_records.calls["commit"]

    assert press(installation, response_id).status_code == 200

    assert installation.fake_records.calls["commit"] == commits


@pytest.mark.parametrize("name", ["block-actions-of-others", "view-submission", "message-action"])
def test_other_interactions_are_answered_and_no_more(installation: Installation, name: str) -> None:
    sent = (EVENTS / "slack" / f"{name}.json").read_text()

    answer = signed(installation, urlencode({"payload": sent}).encode())

    assert (answer.status_code, answer.data) == (200, b"")
    assert not installation.fake_records.calls


def test_what_can_never_be_right_is_a_problem(installation: Installation) -> None:
    assert problem(signed(installation, b"payload=nonsense"), 400)


def test_without_a_configured_secret_it_says_so() -> None:
    without = Installation()

    assert "auth.slack" in problem(without.client.post("/slack", data=b"{}"), 503)


def test_while_the_table_is_away_the_presser_is_told_to_press_again(
    installation: Installation, presser: Server
) -> None:
    response_id = asking(installation)
    question = run(installation, response_id).question
    sent = payload(response_id, question, response_url=presser.url)
    installation.fake_records.away = True

    assert problem(signed(installation, urlencode({"payload": json.dumps(sent)}).encode()), 503)

    assert "Press again" in answers(presser)[0]


def test_the_buttons_that_are_posted_are_the_ones_that_are_understood() -> None:
    groups = {"S02LEADS": ("U02BOB",)}
    with Slack(channels={"C0PAY": "payments"}, groups=groups, clock=Installation.now.timestamp) as slack:
        installation = sandboxed(slack.api_url)
        response_id = asking(installation)
        [task] = [t for t in installation.records.tasks(response_id) if t.facts["code"] == "asked"][:1]
        message = Wording().word(run(installation, response_id), task)
        SlackPeople(TOKEN, slack.api_url, {"payments": "C0PAY"}, "").tell(message)

        with served(installation) as url:
            answer = slack.press(slack.messages[0], "backout:approve", "U02BOB", to=url)
            late = slack.press(slack.messages[0], "backout:approve", "U01ALICE", to=url)

        assert (answer.status_code, late.status_code) == (200, 200)
        assert words(installation, response_id) == [("approve", "slack:U02BOB (bob)")]
        [told] = slack.ephemerals
        assert (told.visible_to, told.text[:20]) == ("U01ALICE", "<@U02BOB> was first,")


def test_importing_it_loads_no_heavy_client() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIGHT],
        env={"PYTHONPATH": str(EVENTS.parents[1])},
        check=False,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
