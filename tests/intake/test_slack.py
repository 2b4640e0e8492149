import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.errors import InvalidRequest
from shared.intake import slack
from shared.intake.bodies import MAX_BYTES
from shared.intake.slack import Challenge, Other, Press

EVENTS = Path(__file__).resolve().parents[1] / "events" / "slack"


def payload(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def form(sent: object) -> bytes:
    return urlencode({"payload": json.dumps(sent)}).encode()


def with_value(value: object) -> bytes:
    sent = payload("block-actions")
    sent["actions"][0]["value"] = value if isinstance(value, str) else json.dumps(value)
    return form(sent)


def test_a_press_says_who_pressed_what_for_which_response() -> None:
    press = slack.parse(form(payload("block-actions")))

    assert press == Press(
        user="U01ALICE",
        user_name="alice.acme",
        response_id="RESPONSE",
        verb="approve",
        question="QUESTION",
        response_url="https://hooks.slack.com/actions/T01ACME/1394543744577/NIyyQSrf1FF0R7KPv7VbbjrC",
    )
    assert press.by == "slack:U01ALICE (alice.acme)"


def test_a_press_in_an_enterprise_workspace_is_read_alike() -> None:
    press = slack.parse(form(payload("block-actions-enterprise")))

    assert isinstance(press, Press)
    assert (press.user, press.verb, press.question) == ("W111", "abort", "")


@pytest.mark.parametrize("name", ["block-actions-of-others", "view-submission", "message-action"])
def test_other_interactions_are_for_answering_only(name: str) -> None:
    assert isinstance(slack.parse(form(payload(name))), Other)


@pytest.mark.parametrize(
    "fields", [{"command": "/deploy", "text": "94070", "user_id": "U2147483697"}, {"ssl_check": "1"}, {}]
)
def test_a_form_without_a_payload_is_for_answering_only(fields: dict[str, str]) -> None:
    assert slack.parse(urlencode(fields).encode()) == Other("form")


def test_the_question_whether_the_address_is_ours_brings_a_challenge() -> None:
    sent = json.dumps(payload("url-verification")).encode()

    assert slack.parse(sent) == Challenge("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P")


def test_other_events_are_for_answering_only() -> None:
    assert slack.parse(json.dumps(payload("event-callback")).encode()) == Other("event_callback")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe", 400),
        (b"payload=%ff%fe", 400),
        (b"payload=not+JSON", 400),
        (b"{not JSON", 400),
        (b"&".join(b"a=1" for _ in range(200)), 400),
        (form([]), 422),
        (form({"type": "block_actions", "actions": {}}), 422),
        (form({"type": "block_actions", "user": {}, "actions": []}), 422),
        (with_value("aaa"), 400),
        (with_value({"response": "r-1", "verb": "rm"}), 422),
        (with_value({"verb": "approve"}), 422),
        (b'payload={"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b"p" * (MAX_BYTES + 1), 413),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_never_be_right_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        slack.parse(body)

    assert caught.value.status == status
