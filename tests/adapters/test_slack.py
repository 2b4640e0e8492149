"""Slack as people read it, against a stand-in that checks what it is sent as Slack does."""

import json
import re
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.receivers.slack import TOKEN, Slack
from sandbox.receivers.slack_messages import SlackMessage
from shared.adapters.slack import SlackGroups, SlackPeople, answer_press, blocks
from shared.adapters.slack.calling import Calls
from shared.adapters.slack.telling import Turns
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import Button, Message
from tests.fakes.http_server import Answer, Request, serving

MESSAGE = Message(
    key="r-1/tell#000002#slack",
    title="checkout: rolling back to revision 1 (shop:v1) at 10:04 unless someone says no",
    lines=("Workload production/deployment/checkout", "error_rate: 12 % (threshold 0.1, P0)", "Response r-1"),
    response_id="r-1",
    severity="P0",
    links={"dashboard": "https://grafana.example.com/d/1?var-service=checkout&orgId=1"},
    code="holding",
    service="checkout",
    team="payments",
    phase="hold",
    rows=("error_rate: 12 % (threshold 0.1, P0)",),
    timeline=("+0 s assess: accepted (alertmanager)", "+2 s assess: assessed"),
    buttons=(
        Button("now", "Roll back now", "aaa>bbb", "Not wait any longer?"),
        Button("abort", "Stop", confirm="Stop this response before its next change?"),
    ),
)
LATER = replace(
    MESSAGE,
    key="r-1/tell#000009#slack",
    title="checkout: rolled back to revision 1 (shop:v1); verifying",
    code="rolled_back",
    phase="verify",
    buttons=(Button("abort", "Stop"),),
)
SECRET, TORN = "xoxb-s3cret", "xoxb-s3\ncret"
CHANNELS = {"payments": "C0PAY", "search": "C0SEARCH"}
SHOWN = {"C0PAY": "payments", "C0DEFAULT": "incidents", "C0SEARCH": "search"}


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack(channels=SHOWN, burst=1000, groups={"S02LEADS": ("U01ALICE",)}) as receiver:
        yield receiver


def people(
    url: str, *, token: str = TOKEN, seconds: float = 15.0, timeout_seconds: float = 4.0
) -> SlackPeople:
    turns = Turns(pause=lambda _: None)
    return SlackPeople(
        token, url, CHANNELS, "C0DEFAULT", seconds=seconds, timeout_seconds=timeout_seconds, turns=turns
    )


def shown(message: SlackMessage) -> str:
    """Return every text of a message."""
    return json.dumps(message.blocks, ensure_ascii=False)


def elements(message: SlackMessage) -> list[dict[str, Any]]:
    return [e for block in message.blocks if block["type"] == "actions" for e in block["elements"]]


def error_when(answer: Answer) -> BackoutError:
    with serving(lambda _: answer) as server, pytest.raises(BackoutError) as caught:
        people(server.url, timeout_seconds=0.4).tell(MESSAGE)
    return caught.value


def refusing(code: str, **more: Any) -> Answer:
    return Answer(200, json.dumps({"ok": False, "error": code, **more}).encode())


def test_the_first_news_is_a_message_in_the_teams_channel_and_its_place_the_receipt(slack: Slack) -> None:
    receipt = people(slack.api_url).tell(MESSAGE)

    [message] = slack.messages
    assert receipt == f"C0PAY/{message.ts}"
    assert message.channel == "C0PAY"
    assert message.text.startswith(MESSAGE.title)
    assert message.metadata == {"event_type": "backout", "event_payload": {"key": MESSAGE.key}}


def test_the_message_shows_rows_story_links_and_buttons(slack: Slack) -> None:
    people(slack.api_url).tell(MESSAGE)

    [message] = slack.messages
    told = shown(message)
    for wanted in (MESSAGE.title, *MESSAGE.rows, *MESSAGE.timeline, "r-1", "team payments"):
        assert wanted.replace(">", "&gt;") in told
    assert "<https://grafana.example.com/d/1?var-service=checkout&amp;orgId=1|dashboard>" in told
    assert message.buttons == ("backout:now", "backout:abort")
    now, abort = elements(message)
    assert json.loads(now["value"]) == {"response": "r-1", "verb": "now", "question": "aaa>bbb"}
    assert abort["style"] == "danger"
    assert abort["confirm"]["text"]["text"] == "Stop this response before its next change?"


@pytest.mark.parametrize(("team", "channel"), [("search", "C0SEARCH"), ("", "C0DEFAULT"), ("x", "C0DEFAULT")])
def test_a_team_without_a_channel_is_told_in_the_one_for_all(slack: Slack, team: str, channel: str) -> None:
    people(slack.api_url).tell(replace(MESSAGE, team=team))

    assert [message.channel for message in slack.messages] == [channel]


def test_without_any_channel_it_is_given_up_with_what_to_configure(slack: Slack) -> None:
    with pytest.raises(PermanentError, match=r"slack\.channel"):
        SlackPeople(TOKEN, slack.api_url, {}, "").tell(MESSAGE)


def test_later_news_edits_the_message_and_goes_into_its_thread(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)

    assert told.tell(LATER, anchor=receipt) == receipt

    [message] = slack.top_level
    assert LATER.title in shown(message)
    assert message.buttons == ("backout:abort",)
    assert len(message.earlier) == 1
    [reply] = slack.replies(message)
    assert LATER.title in shown(reply)
    assert not reply.buttons


def test_what_is_told_aside_goes_into_the_thread_and_leaves_the_message_as_it_is(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)

    assert told.tell(replace(LATER, aside=True), anchor=receipt) == receipt

    [message] = slack.top_level
    assert (MESSAGE.title in shown(message), message.earlier) == (True, ())
    [reply] = slack.replies(message)
    assert LATER.title in shown(reply)


def test_when_it_has_ended_nothing_can_be_pressed_any_more(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)

    told.tell(replace(LATER, code="ended", buttons=()), anchor=receipt)

    assert slack.top_level[0].buttons == ()


@pytest.mark.parametrize(("code", "broadcast"), [("asked", True), ("alerts_again", True), ("ended", False)])
def test_only_what_needs_a_person_shows_in_the_channel_as_well(
    slack: Slack, code: str, broadcast: bool
) -> None:
    told = people(slack.api_url)
    told.tell(replace(LATER, code=code), anchor=told.tell(MESSAGE))

    sent = slack.received[-1].json()
    assert sent.get("reply_broadcast", False) is broadcast


def test_a_message_that_was_posted_before_a_crash_is_found_and_not_posted_again(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)
    told.tell(replace(MESSAGE, key="r-2/tell#000002#slack", response_id="r-2"))

    assert told.tell(MESSAGE, again=True) == receipt
    assert len(slack.messages) == 2


def test_a_message_whose_answer_was_lost_is_not_posted_again(slack: Slack) -> None:
    told = people(slack.api_url)
    slack.lose_answers(1, path="/api/chat.postMessage")

    with pytest.raises(TemporaryError, match="502"):
        told.tell(MESSAGE)
    receipt = told.tell(MESSAGE, again=True)

    [message] = slack.messages
    assert receipt.endswith(message.ts)


def test_a_message_that_never_arrived_is_posted_when_tried_again(slack: Slack) -> None:
    people(slack.api_url).tell(MESSAGE, again=True)

    assert len(slack.messages) == 1


def test_a_reply_whose_answer_was_lost_is_not_posted_again(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)
    slack.lose_answers(1, path="/api/chat.postMessage")

    with pytest.raises(TemporaryError):
        told.tell(LATER, anchor=receipt)
    told.tell(LATER, anchor=receipt, again=True)

    assert len(slack.replies(slack.top_level[0])) == 1


def test_ours_is_found_behind_what_others_have_posted_since(slack: Slack) -> None:
    told = people(slack.api_url)
    receipt = told.tell(MESSAGE)
    chatter = Calls(TOKEN, slack.api_url)
    for number in range(250):
        chatter.client.chat_postMessage(channel="C0PAY", text=f"chatter {number}")

    assert told.tell(MESSAGE, again=True) == receipt


def test_without_the_scope_to_look_it_is_posted(caplog: pytest.LogCaptureFixture) -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith("conversations.history"):
            return refusing("missing_scope", needed="channels:history")
        return Answer(200, b'{"ok": true, "ts": "1.2"}')

    with serving(answer) as server:
        assert people(server.url).tell(MESSAGE, again=True) == "C0PAY/1.2"
    assert "channels:history" in caplog.text


def test_when_someone_has_deleted_the_message_the_news_is_posted_anew(slack: Slack) -> None:
    told = people(slack.api_url)

    receipt = told.tell(LATER, anchor="C0PAY/1600000000.000001")

    [message] = slack.messages
    assert receipt == f"C0PAY/{message.ts}"
    assert LATER.title in shown(message)


@pytest.mark.parametrize("again", [False, True])
def test_a_message_of_any_length_fits_and_says_that_it_was_cut(slack: Slack, again: bool) -> None:
    lines = tuple(f"line {n} <&> {'x' * 900}" for n in range(400))
    long = replace(
        MESSAGE,
        title="t" * 900,
        lines=lines,
        rows=tuple(f"row {line}" for line in lines),
        timeline=tuple(f"+{n} s {'ü' * 400}" for n in range(400)),
        links={f"link {n}": f"https://example.com/{'p' * 700}|>{n}" for n in range(40)},
        buttons=tuple(Button(verb, "b" * 300, "q" * 200, "c" * 900) for verb in ("approve", "now", "abort")),
        service="s" * 300,
    )
    told = people(slack.api_url)
    receipt = told.tell(long, again=again)
    told.tell(replace(long, key="later"), anchor=receipt, again=again)

    parent, reply = slack.messages
    for message in (parent, reply):
        assert "(cut)" in shown(message)
        assert "more lines left out" in shown(message)
    assert "earlier lines left out" in shown(parent)
    assert "+399 s" in shown(parent)
    assert "+0 s" not in shown(parent)


def test_what_is_told_cannot_mention_anyone_or_forge_a_link() -> None:
    message = replace(MESSAGE, title="<!channel>", lines=("<@U1> & <https://evil.example|click>",), rows=())

    texts = [json.dumps(part) for part in (blocks.news(message), blocks.text(message))]
    markup = [block for block in blocks.story(message) if block["type"] == "section"]

    for text in (*texts, json.dumps(markup)):
        assert "<!" not in text
        assert "<@" not in text
        assert "<https" not in text


def test_where_slack_wants_fewer_calls_it_says_when_to_come_again(slack: Slack) -> None:
    slack.fail(1, status=429, retry_after=30)

    with pytest.raises(TemporaryError) as caught:
        people(slack.api_url).tell(MESSAGE)

    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    "answer",
    [
        refusing("internal_error"),
        refusing("ratelimited"),
        refusing("fatal_error"),
        Answer(500, b"{}"),
        Answer(503, b"<html>"),
        Answer(200, b"<html>we will be back soon</html>"),
        Answer(200, b""),
        Answer(200, b'["ok"]'),
        Answer(200, b"[]"),
        Answer(200, b"3"),
        Answer(200, b"\xff\xfe"),
        Answer(200, b"{}", {"Content-Type": "text/plain; charset=klingon"}),
        Answer(drops=True),
        Answer(hangs=True),
    ],
    ids=str,
)
def test_what_may_go_well_later_is_tried_again(answer: Answer) -> None:
    started = time.monotonic()

    assert isinstance(error_when(answer), TemporaryError)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusing("channel_not_found"), "invited"),
        (refusing("not_in_channel"), "invite the app"),
        (refusing("is_archived"), "archived"),
        (refusing("invalid_auth"), r"slack\.token"),
        (refusing("missing_scope", needed="chat:write"), "chat:write"),
        (refusing("msg_too_long"), "msg_too_long"),
        (Answer(404, b"<html>not here</html>"), r"404.*slack\.url"),
    ],
    ids=str,
)
def test_what_will_not_is_given_up_with_what_to_do(answer: Answer, words: str) -> None:
    error = error_when(answer)

    assert isinstance(error, PermanentError)
    assert re.search(words, str(error))


def test_a_slack_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(TemporaryError, match="connection refused"):
        people("http://127.0.0.1:9/api/").tell(MESSAGE)


def test_an_address_that_is_none_is_given_up() -> None:
    with pytest.raises(PermanentError, match=r"slack\.url"):
        people("ftp://slack.example.com/api/").tell(MESSAGE)


def test_all_calls_of_a_message_end_within_its_time(slack: Slack) -> None:
    told = people(slack.api_url, seconds=1.0)
    receipt = told.tell(MESSAGE)
    slack.slow(0.4)
    started = time.monotonic()

    with pytest.raises(TemporaryError):
        told.tell(LATER, anchor=receipt, again=True)

    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "answer",
    [Answer(404), refusing("invalid_auth"), Answer(503), Answer(drops=True), Answer(200, b"x")],
    ids=str,
)
def test_neither_error_nor_log_shows_the_token(caplog: pytest.LogCaptureFixture, answer: Answer) -> None:
    caplog.set_level("DEBUG")
    with serving(lambda _: answer) as server, pytest.raises(BackoutError) as caught:
        people(server.url, token=SECRET).tell(MESSAGE)

    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_token_that_cannot_be_sent_is_not_shown() -> None:
    with pytest.raises(BackoutError) as caught:
        people("http://127.0.0.1:9/", token=TORN).tell(MESSAGE)

    assert "s3\\ncret" not in "".join(traceback.format_exception(caught.value))


def test_messages_of_one_channel_take_turns_a_second_apart() -> None:
    paused: list[float] = []
    turns = Turns(monotonic=lambda: 100.0, pause=paused.append)

    for channel in ("C1", "C2", "C1", "C1"):
        turns.take(channel)

    assert paused == [1.0, 2.0]


def test_a_turn_that_is_far_away_is_left_to_the_task() -> None:
    turns = Turns(monotonic=lambda: 100.0, pause=lambda _: None)
    for _ in range(4):
        turns.take("C1")

    with pytest.raises(TemporaryError) as caught:
        turns.take("C1")

    assert caught.value.retry_after == 4.0


def test_who_is_in_a_user_group_is_asked_once_a_minute(slack: Slack) -> None:
    now = 0.0
    groups = SlackGroups(TOKEN, slack.api_url, monotonic=lambda: now)

    assert groups.holds("U01ALICE", ["S02LEADS"])
    assert not groups.holds("U02BOB", ["S02LEADS"])
    assert len(slack.received) == 1
    now = 60.0
    assert groups.holds("U01ALICE", ["S02LEADS"])
    assert len(slack.received) == 2


def test_a_group_that_is_not_there_lets_nobody_in_and_hides_no_other(
    slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    groups = SlackGroups(TOKEN, slack.api_url)

    assert not groups.holds("U01ALICE", ["S0GONE"])
    assert groups.holds("U01ALICE", ["S0GONE", "S02LEADS"])
    assert "S0GONE" in caplog.text


def test_while_slack_is_away_nobody_knows_who_is_in_a_group(slack: Slack) -> None:
    slack.slow(5)
    started = time.monotonic()

    with pytest.raises(TemporaryError):
        SlackGroups(TOKEN, slack.api_url, seconds=0.6).holds("U01ALICE", ["S02LEADS"])

    assert time.monotonic() - started < 1.5


def test_an_answer_to_a_press_is_seen_by_the_presser_alone(slack: Slack) -> None:
    people(slack.api_url).tell(MESSAGE)
    with serving(lambda _: Answer(200)) as backout:
        slack.press(slack.messages[0], "backout:abort", "U02BOB", to=backout.url)
    payload = json.loads(backout.requests[0].form["payload"])

    answer_press(payload["response_url"], "You may not.")

    [answer] = slack.ephemerals
    assert (answer.text, answer.visible_to) == ("You may not.", "U02BOB")
    assert slack.messages[0].buttons


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(404), Answer(drops=True), Answer(hangs=True)], ids=str
)
def test_an_answer_that_cannot_be_given_is_let_go_and_its_url_is_not_shown(
    caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level("DEBUG")
    started = time.monotonic()
    with serving(lambda _: answer) as server:
        answer_press(f"{server.url}/actions/s3cret", "You may not.")
        assert time.monotonic() - started < 2

    assert "could not be answered" in caplog.text
    assert "s3cret" not in caplog.text
