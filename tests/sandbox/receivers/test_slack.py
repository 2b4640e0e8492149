import hashlib
import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from sandbox.receivers import Slack
from sandbox.receivers.slack import SIGNING_SECRET, TOKEN
from sandbox.receivers.slack_messages import SlackMessage
from tests.sandbox.receivers.hands import NOW, WEB, HandClock, Listener

BOLD: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "*checkout* is rolled back"}}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(action_id: str = "abort", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain("Abort"), "value": "r1", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "block_id": "word", "elements": list(elements)}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def slack(clock: HandClock) -> Iterator[Slack]:
    groups = {"S02PAYLEADS": ["U01ALICE"]}
    with Slack(channels={"C0PAY": "payments", "C0DEFAULT": "all"}, groups=groups, clock=clock) as slack:
        yield slack


@pytest.fixture(scope="module")
def strict() -> Iterator[Slack]:
    """One for all the calls that leave nothing behind."""
    with Slack(channels={"C0PAY": "payments"}, burst=1000) as slack:
        yield slack


def call(slack: Slack, method: str, *, token: str = TOKEN, **arguments: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
    content = msgspec.json.encode(arguments)
    answer = WEB.post(f"{slack.api_url}{method}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def posted(slack: Slack, **arguments: Any) -> SlackMessage:
    answer = call(slack, "chat.postMessage", **{"channel": "C0PAY", "text": "hello", **arguments})
    assert answer["ok"], answer
    return slack.messages[-1]


def test_a_post_is_answered_with_its_channel_and_timestamp(slack: Slack) -> None:
    metadata = {"event_type": "backout", "event_payload": {"key": "k1"}}

    answer = call(slack, "chat.postMessage", channel="C0PAY", text="hello", blocks=[BOLD], metadata=metadata)

    (message,) = slack.messages
    assert (answer["ok"], answer["channel"], answer["ts"]) == (True, "C0PAY", message.ts)
    assert (message.text, message.metadata) == ("hello", metadata)
    assert answer["message"]["blocks"][0]["block_id"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authed"),
        ({"Authorization": TOKEN}, "not_authed"),
        ({"Authorization": "Bearer xoxb-another"}, "invalid_auth"),
    ],
)
def test_a_call_needs_the_bots_token(strict: Slack, headers: dict[str, str], code: str) -> None:
    answer = WEB.post(f"{strict.api_url}auth.test", headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": code})


def test_auth_test_names_the_bot(slack: Slack) -> None:
    assert call(slack, "auth.test")["team"] == "Sandbox"


def test_a_form_is_read_as_json_is(slack: Slack) -> None:
    form = {"channel": "C0PAY", "text": "hello", "blocks": msgspec.json.encode([BOLD]).decode()}

    answer = WEB.post(
        f"{slack.api_url}chat.postMessage", data=form, headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.json()["ok"]
    assert slack.messages[0].blocks[0]["text"] == BOLD["text"]


def test_arguments_may_stand_in_the_query_of_a_post_that_says_json_and_sends_nothing(slack: Slack) -> None:
    """As Slack's own Python client asks for everything that it only reads."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json;charset=utf-8"}

    answer = WEB.post(f"{slack.api_url}users.info", params={"user": "U02BOB"}, headers=headers)

    assert answer.json()["user"]["name"] == "bob"


def test_json_without_a_charset_is_warned_of(slack: Slack) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    answer = WEB.post(
        f"{slack.api_url}chat.postMessage", json={"channel": "C0PAY", "text": "t"}, headers=headers
    )

    assert answer.json()["warning"] == "missing_charset"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "C0NONE", "text": "t"}, "channel_not_found"),
        ({"text": "t"}, "channel_not_found"),
        ({"channel": "C0PAY"}, "no_text"),
        ({"channel": "C0PAY", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C0PAY", "text": "t", "thread_ts": "1.000001"}, "cannot_reply_to_message"),
        ({"channel": "C0PAY", "text": "t", "metadata": {"key": "k"}}, "invalid_metadata_format"),
        (
            {
                "channel": "C0PAY",
                "text": "t",
                "metadata": {"event_type": "e", "event_payload": {"k": "x" * 16_000}},
            },
            "metadata_too_large",
        ),
    ],
)
def test_a_wrong_post_is_refused_with_slacks_code(
    strict: Slack, arguments: dict[str, Any], code: str
) -> None:
    answer = call(strict, "chat.postMessage", **arguments)

    assert (answer["ok"], answer["error"]) == (False, code)
    assert not strict.messages


def confirm(**more: str) -> dict[str, Any]:
    texts = {"title": "Sure?", "text": "It stops.", "confirm": "Yes", "deny": "No", **more}
    return {name: plain(text) for name, text in texts.items()}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "section", "text": {"type": "mrkdwn", "text": ""}},
        {"type": "section"},
        {"type": "section", "fields": [plain("f")] * 11},
        {"type": "section", "fields": [plain("x" * 2001)]},
        {"type": "header", "text": plain("x" * 151)},
        {"type": "header", "text": {"type": "mrkdwn", "text": "no"}},
        {"type": "context", "elements": [plain("c")] * 11},
        {"type": "divider", "text": plain("no")},
        {"type": "nonsense"},
        actions(),
        actions(*(button(f"a{number}") for number in range(26))),
        actions(button("same"), button("same")),
        actions(button(text=plain("x" * 76))),
        actions(button(value="x" * 2001)),
        actions(button(action_id="x" * 256)),
        actions(button(url="https://example.com/" + "x" * 3000)),
        actions(button(style="secondary")),
        actions(button(confirm=confirm(title="x" * 101))),
        actions(button(confirm=confirm(text="x" * 301))),
        actions(button(confirm=confirm(deny="x" * 31))),
    ],
)
def test_a_block_that_slack_would_not_take_is_refused_and_the_place_named(
    strict: Slack, block: dict[str, Any]
) -> None:
    answer = call(strict, "chat.postMessage", channel="C0PAY", text="t", blocks=[block])

    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"][0].startswith("[ERROR] ")


def test_everything_at_its_limit_is_taken(slack: Slack) -> None:
    full = confirm(title="x" * 100, text="x" * 300, confirm="x" * 30, deny="x" * 30)
    blocks = [
        {"type": "header", "text": plain("x" * 150)},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}},
        actions(button(text=plain("x" * 75), value="x" * 2000, style="danger", confirm=full)),
        *({"type": "divider"} for _ in range(47)),
    ]

    posted(slack, blocks=blocks)

    assert slack.messages[0].buttons == ("abort",)


def test_too_many_blocks_or_too_much_in_them_is_refused(slack: Slack) -> None:
    many = call(slack, "chat.postMessage", channel="C0PAY", text="t", blocks=[{"type": "divider"}] * 51)
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    much = call(slack, "chat.postMessage", channel="C0PAY", text="t", blocks=long)

    assert (many["error"], much["error"]) == ("invalid_blocks", "msg_blocks_too_long")


def test_two_blocks_may_not_share_an_id(slack: Slack) -> None:
    answer = call(slack, "chat.postMessage", channel="C0PAY", text="t", blocks=[actions(button())] * 2)

    assert answer["error"] == "invalid_blocks"


def test_one_message_a_second_is_taken_for_each_channel_after_a_small_burst(
    slack: Slack, clock: HandClock
) -> None:
    for _ in range(3):
        posted(slack)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"channel": "C0PAY", "text": "t"}

    limited = WEB.post(f"{slack.api_url}chat.postMessage", json=body, headers=headers)

    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
    assert limited.json() == {"ok": False, "error": "ratelimited"}
    posted(slack, channel="C0DEFAULT")
    clock.now += 1
    posted(slack)


def test_an_update_changes_the_message_in_place_and_keeps_what_it_said(slack: Slack) -> None:
    first = posted(slack, text="asked", blocks=[actions(button())], metadata=_metadata("k1"))

    answer = call(slack, "chat.update", channel="C0PAY", ts=first.ts, text="done", blocks=[BOLD])

    (message,) = slack.messages
    assert (answer["ok"], answer["ts"], message.text, message.buttons) == (True, first.ts, "done", ())
    assert message.metadata == _metadata("k1")
    assert [earlier.text for earlier in message.earlier] == ["asked"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ts": "1.000001"}, "message_not_found"),
        ({"text": "x" * 4001}, "msg_too_long"),
        ({"text": ""}, "no_text"),
    ],
)
def test_a_wrong_update_is_refused(slack: Slack, changes: dict[str, Any], code: str) -> None:
    message = posted(slack)

    answer = call(slack, "chat.update", **{"channel": "C0PAY", "ts": message.ts, "text": "t", **changes})

    assert answer["error"] == code
    assert slack.messages == (message,)


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": "backout", "event_payload": {"key": key}}


def test_history_shows_the_channel_newest_first_and_metadata_only_when_asked(slack: Slack) -> None:
    first = posted(slack, metadata=_metadata("k1"))
    posted(slack, thread_ts=first.ts, text="reply")
    second = posted(slack, text="later")
    posted(slack, channel="C0DEFAULT")

    bare = call(slack, "conversations.history", channel="C0PAY")
    whole = call(slack, "conversations.history", channel="C0PAY", include_all_metadata=True)

    assert [each["ts"] for each in whole["messages"]] == [second.ts, first.ts]
    assert [each.get("metadata") for each in whole["messages"]] == [None, _metadata("k1")]
    assert not any("metadata" in each for each in bare["messages"])
    assert whole["messages"][1]["reply_count"] == 1


def test_history_comes_in_pages(slack: Slack, clock: HandClock) -> None:
    every = []
    for _ in range(5):
        every.append(posted(slack).ts)
        clock.now += 1
    seen, cursor = [], ""
    while True:
        page = call(slack, "conversations.history", channel="C0PAY", limit=2, cursor=cursor)
        seen += [each["ts"] for each in page["messages"]]
        if not page["has_more"]:
            break
        cursor = page["response_metadata"]["next_cursor"]

    assert seen == every[::-1]


def test_history_can_begin_at_a_time_and_be_asked_for_by_get(slack: Slack, clock: HandClock) -> None:
    posted(slack)
    clock.now += 60
    late = posted(slack)

    answer = WEB.get(
        f"{slack.api_url}conversations.history",
        params={"channel": "C0PAY", "oldest": str(NOW + 30)},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )

    assert [each["ts"] for each in answer.json()["messages"]] == [late.ts]


def test_a_thread_is_its_first_message_and_the_replies(slack: Slack) -> None:
    first = posted(slack)
    reply = posted(slack, thread_ts=first.ts, metadata=_metadata("k2"))

    answer = call(slack, "conversations.replies", channel="C0PAY", ts=first.ts, include_all_metadata=True)
    nowhere = call(slack, "conversations.replies", channel="C0PAY", ts="1.000001")

    assert [each["ts"] for each in answer["messages"]] == [first.ts, reply.ts]
    assert answer["messages"][1]["metadata"] == _metadata("k2")
    assert (slack.replies(first), slack.top_level) == ((reply,), (first,))
    assert nowhere["error"] == "thread_not_found"


def test_groups_and_people_are_known_by_their_ids(slack: Slack) -> None:
    assert call(slack, "usergroups.users.list", usergroup="S02PAYLEADS")["users"] == ["U01ALICE"]
    assert call(slack, "usergroups.users.list", usergroup="S0NONE")["error"] == "no_such_subteam"
    assert call(slack, "users.info", user="U02BOB")["user"]["name"] == "bob"
    assert call(slack, "users.info", user="U0NONE")["error"] == "user_not_found"


def test_an_ephemeral_message_is_seen_by_one_person_and_not_in_the_channel(slack: Slack) -> None:
    answer = call(slack, "chat.postEphemeral", channel="C0PAY", user="U02BOB", text="not yours")

    assert answer["ok"]
    assert [(each.visible_to, each.text) for each in slack.ephemerals] == [("U02BOB", "not yours")]
    assert not slack.messages


def test_an_unknown_method_is_refused(slack: Slack) -> None:
    assert call(slack, "chat.shout")["error"] == "unknown_method"


def test_a_press_is_posted_as_a_signed_form_with_the_message_and_the_button(slack: Slack) -> None:
    message = posted(slack, blocks=[actions(button(confirm=confirm()))], metadata=_metadata("k1"))
    listener = Listener()

    with listener.server() as server:
        answer = slack.press(message, "abort", "U01ALICE", to=f"{server.url}/slack")

    headers, body = listener.heard[0]
    signed = f"v0:{headers['x-slack-request-timestamp']}:".encode() + body
    digest = hmac.new(SIGNING_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert (answer.status_code, headers["x-slack-signature"]) == (200, f"v0={digest}")
    assert headers["x-slack-request-timestamp"] == str(int(NOW))
    payload = msgspec.json.decode(parse_qs(body.decode())["payload"][0])
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == "U01ALICE"
    assert (payload["channel"]["id"], payload["message"]["ts"]) == ("C0PAY", message.ts)
    assert payload["container"]["message_ts"] == message.ts
    (action,) = payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("abort", "word", "r1")


def test_a_button_that_the_message_does_not_have_cannot_be_pressed(slack: Slack) -> None:
    message = posted(slack)

    with pytest.raises(LookupError):
        slack.press(message, "abort", "U01ALICE", to="http://127.0.0.1:9")


@pytest.fixture
def response_url(slack: Slack) -> str:
    message = posted(slack, blocks=[actions(button())])
    listener = Listener()
    with listener.server() as server:
        slack.press(message, "abort", "U01ALICE", to=server.url)
    payload = msgspec.json.decode(parse_qs(listener.heard[0][1].decode())["payload"][0])
    return str(payload["response_url"])


def test_an_answer_to_a_press_is_seen_by_the_presser_unless_it_says_otherwise(
    slack: Slack, response_url: str
) -> None:
    assert WEB.post(response_url, json={"text": "not allowed"}).text == "ok"
    WEB.post(response_url, json={"text": "for all", "response_type": "in_channel"})

    assert [(each.visible_to, each.text) for each in slack.ephemerals] == [("U01ALICE", "not allowed")]
    assert slack.messages[-1].text == "for all"
    assert [body["text"] for body in slack.response_urls[0].bodies] == ["not allowed", "for all"]


def test_an_answer_to_a_press_may_replace_or_delete_the_message(slack: Slack, response_url: str) -> None:
    WEB.post(response_url, json={"text": "aborted", "replace_original": True})
    replaced = slack.messages
    WEB.post(response_url, json={"delete_original": True})

    assert [(each.text, each.buttons) for each in replaced] == [("aborted", ())]
    assert not slack.messages


def test_a_response_url_works_five_times(response_url: str) -> None:
    answers = [WEB.post(response_url, json={"text": "again"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[-1].json()["error"] == "used_url"


def test_a_response_url_works_for_half_an_hour(response_url: str, clock: HandClock) -> None:
    clock.now += 30 * 60 + 1

    assert WEB.post(response_url, json={"text": "late"}).json()["error"] == "expired_url"


def test_faults_are_shaped_as_slack_shapes_them(slack: Slack) -> None:
    slack.fail(1, status=429, retry_after=30)
    slack.fail(1)

    first, second = (WEB.post(f"{slack.api_url}auth.test") for _ in range(2))

    assert (first.status_code, first.headers["Retry-After"]) == (429, "30")
    assert first.json()["error"] == "ratelimited"
    assert (second.status_code, second.json()["error"]) == (500, "internal_error")


def test_what_people_write_is_shown_as_theirs(slack: Slack) -> None:
    slack.say("C0PAY", "U01ALICE", "it does not work")
    slack.say("C0PAY", "U02BOB", "", subtype="channel_join")

    joined, written = call(slack, "conversations.history", channel="C0PAY")["messages"]

    assert (written["user"], written["text"]) == ("U01ALICE", "it does not work")
    assert joined["subtype"] == "channel_join"
    assert not {"bot_id", "subtype"} & written.keys()
