"""Calls of the escalation path, as PagerDuty's and Slack's documentation have them."""

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.adapters.calling import Address, Calling, PagerDutyCalling, SlackCalling
from shared.errors import PermanentError, TemporaryError
from shared.ports import Message
from tests.fakes.http_server import Answer, Request, Server, serving

TOKEN, ROUTING_KEY = "t0ken-of-the-bot", "r0uting-key-of-the-service"
MESSAGE = Message(
    key="r-1/escalate/team_lead",
    title="checkout: team lead, you are needed: failed",
    lines=("error_rate_high: 0.25 <b> & more", "Response r-1"),
    response_id="r-1",
    severity="P0",
    links={"console": "https://backout.example.com/r-1"},
    service="checkout",
    team="payments",
    references={"pagerduty": "Q1"},
)
ALONE = replace(MESSAGE, references={})
USERS = {
    "users": [{"id": "PX", "email": "other-bot@example.com"}, {"id": "PBOT", "email": "Bot@example.com"}]
}
MARKED = {"message": "checkout: … [backout:r-1/escalate/team_lead]"}

Answers = Callable[[Request], Answer]


def an_answer(body: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def pagerduty(made: object = None, then: Answer | None = None) -> Answers:
    """Answer as PagerDuty: its users, an incident with these responder requests, and what is posted."""

    def answers(request: Request) -> Answer:
        if request.path.startswith("/users"):
            return an_answer(USERS)
        if request.method == "GET":
            return an_answer({"incident": {"id": "Q1", "responder_requests": made or []}})
        return then or an_answer({"responder_request": {}})

    return answers


def calling(
    server: Server, address: Address, *, seconds: float = 12.0, routing_key: str = ROUTING_KEY
) -> Calling:
    return Calling(
        {("payments", "team_lead"): address, ("payments", "on_call"): address},
        pagerduty=PagerDutyCalling(
            server.url,
            TOKEN,
            sender="bot@example.com",
            events_url=server.url,
            routing_key=routing_key,
            seconds=seconds,
        ),
        slack=SlackCalling(f"{server.url}/api/", TOKEN, seconds=seconds),
    )


class TestPagerDuty:
    USER, POLICY = Address(pagerduty_user="PU1"), Address(pagerduty_policy="P1")

    @pytest.mark.parametrize(
        ("address", "target"),
        [
            (USER, {"id": "PU1", "type": "user_reference"}),
            (POLICY, {"id": "P1", "type": "escalation_policy_reference"}),
        ],
        ids=["user", "policy"],
    )
    def test_a_user_or_a_policy_is_asked_to_respond_to_the_incident(
        self, address: Address, target: dict[str, str]
    ) -> None:
        with serving(pagerduty()) as server:
            receipt = calling(server, address).call("team_lead", MESSAGE)

        users, request = server.requests
        assert receipt == "Q1"
        assert parse_qs(urlsplit(users.path).query) == {"query": ["bot@example.com"]}
        assert (request.method, request.path) == ("POST", "/incidents/Q1/responder_requests")
        assert request.headers["authorization"] == f"Token token={TOKEN}"
        assert request.headers["accept"] == "application/vnd.pagerduty+json;version=2"
        assert request.headers["from"] == "bot@example.com"
        assert json.loads(request.body) == {
            "requester_id": "PBOT",
            "message": f"{MESSAGE.title} [backout:r-1/escalate/team_lead]",
            "responder_request_targets": [{"responder_request_target": target}],
        }

    def test_who_asks_is_looked_up_once(self) -> None:
        with serving(pagerduty()) as server:
            caller = calling(server, self.USER)
            caller.call("team_lead", MESSAGE)
            caller.call("team_lead", MESSAGE)

        assert [request.path.split("?")[0] for request in server.requests].count("/users") == 1

    def test_a_sender_whom_pagerduty_does_not_know_is_told(self) -> None:
        with (
            serving(lambda _: an_answer({"users": []})) as server,
            pytest.raises(PermanentError, match=r"no user bot@example\.com: correct pagerduty\.from"),
        ):
            calling(server, self.USER).call("team_lead", MESSAGE)

    def test_an_attempt_that_may_have_got_through_is_looked_for_first(self) -> None:
        with serving(pagerduty(made=[{"message": "another"}, MARKED])) as server:
            assert calling(server, self.USER).call("team_lead", MESSAGE, again=True) == "Q1"
        assert [request.method for request in server.requests] == ["GET"]

        with serving(pagerduty(made=[{"message": None}])) as server:
            calling(server, self.USER).call("team_lead", MESSAGE, again=True)
        assert [request.method for request in server.requests] == ["GET", "GET", "POST"]

    def test_what_has_no_incident_becomes_an_event_that_names_who_is_needed(self) -> None:
        with serving(lambda _: an_answer({"status": "success"}, 202)) as server:
            receipt = calling(server, self.USER).call("team_lead", ALONE)

        [request] = server.requests
        event = json.loads(request.body)
        assert (request.path, receipt) == ("/v2/enqueue", "backout-r-1-team_lead")
        assert (event["routing_key"], event["event_action"]) == (ROUTING_KEY, "trigger")
        assert event["dedup_key"] == receipt
        assert event["payload"]["summary"] == ALONE.title
        assert (event["payload"]["source"], event["payload"]["severity"]) == ("backout", "critical")
        assert event["links"] == [{"href": "https://backout.example.com/r-1", "text": "console"}]
        assert "authorization" not in request.headers

    def test_the_on_call_engineer_s_event_is_that_of_the_response_so_that_it_pages_once(self) -> None:
        with serving(lambda _: an_answer({}, 202)) as server:
            assert calling(server, self.POLICY).call("on_call", ALONE) == "backout-r-1"

    def test_a_long_title_is_cut_to_what_an_event_takes(self) -> None:
        with serving(lambda _: an_answer({}, 202)) as server:
            calling(server, self.USER).call("team_lead", replace(ALONE, title="x" * 2000))

        assert len(json.loads(server.requests[0].body)["payload"]["summary"]) == 1024

    def test_without_an_incident_and_a_routing_key_it_is_given_up(self) -> None:
        with (
            serving(pagerduty()) as server,
            pytest.raises(PermanentError, match=r"pagerduty\.routing_key is not set"),
        ):
            calling(server, self.USER, routing_key="").call("team_lead", ALONE)


class TestSlack:
    LEAD = Address(mention="<@U77>", channel="C0PAY")

    def test_somebody_is_mentioned_in_the_channel_and_nobody_by_what_is_quoted(self) -> None:
        with serving(lambda _: an_answer({"ok": True, "ts": "17.5", "channel": "C0PAY"})) as server:
            receipt = calling(server, self.LEAD).call("team_lead", MESSAGE)

        [request] = server.requests
        body = json.loads(request.body)
        assert (request.path, receipt) == ("/api/chat.postMessage", "C0PAY/17.5")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert body["channel"] == "C0PAY"
        assert body["text"].splitlines() == [
            "<@U77> checkout: team lead, you are needed: failed",
            "error_rate_high: 0.25 &lt;b&gt; &amp; more",
            "Response r-1",
            "<https://backout.example.com/r-1|console>",
        ]
        assert body["metadata"] == {
            "event_type": "backout_call",
            "event_payload": {"key": "r-1/escalate/team_lead"},
        }

    def test_a_message_that_may_have_been_posted_is_looked_for_first(self) -> None:
        there = {"ts": "17.5", "metadata": {"event_type": "x", "event_payload": {"key": MESSAGE.key}}}
        history = {"ok": True, "messages": [{"ts": "18.0"}, there]}
        with serving(lambda _: an_answer(history)) as server:
            assert calling(server, self.LEAD).call("team_lead", MESSAGE, again=True) == "C0PAY/17.5"

        [request] = server.requests
        asked = parse_qs(urlsplit(request.path).query)
        assert (request.method, asked["channel"], asked["include_all_metadata"]) == (
            "GET",
            ["C0PAY"],
            ["true"],
        )

    def test_a_channel_that_may_not_be_read_is_posted_to_once_more(self) -> None:
        def answers(request: Request) -> Answer:
            posting = request.method == "POST"
            return an_answer(
                {"ok": True, "ts": "19.0"} if posting else {"ok": False, "error": "missing_scope"}
            )

        with serving(answers) as server:
            assert calling(server, self.LEAD).call("team_lead", MESSAGE, again=True) == "C0PAY/19.0"

    @pytest.mark.parametrize("error", ["channel_not_found", "invalid_auth", "not_in_channel"])
    def test_what_slack_refuses_is_given_up_by_its_own_word(self, error: str) -> None:
        with (
            serving(lambda _: an_answer({"ok": False, "error": error})) as server,
            pytest.raises(PermanentError, match=error),
        ):
            calling(server, self.LEAD).call("team_lead", MESSAGE)

    @pytest.mark.parametrize("error", ["internal_error", "ratelimited"])
    def test_what_passes_is_tried_again(self, error: str) -> None:
        with (
            serving(lambda _: an_answer({"ok": False, "error": error})) as server,
            pytest.raises(TemporaryError, match=error),
        ):
            calling(server, self.LEAD).call("team_lead", MESSAGE)


class TestAnyWay:
    WAYS = (Address(pagerduty_user="PU1"), Address(mention="<@U77>", channel="C0PAY"))

    @pytest.mark.parametrize("way", WAYS, ids=["pagerduty", "slack"])
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_says(
        self, way: Address, status: int
    ) -> None:
        busy = Answer(status, b"{}", {"Retry-After": "30", "Content-Type": "application/json"})
        with serving(lambda _: busy) as server, pytest.raises(TemporaryError) as caught:
            calling(server, way).call("team_lead", MESSAGE)

        assert caught.value.retry_after == 30

    @pytest.mark.parametrize("way", WAYS, ids=["pagerduty", "slack"])
    @pytest.mark.parametrize(
        "answer",
        [Answer(hangs=True), Answer(drops=True), Answer(200, b"<html>", {"Content-Type": "text/html"})],
        ids=["hangs", "drops", "html"],
    )
    def test_a_receiver_that_does_not_answer_as_it_should_is_tried_again(
        self, way: Address, answer: Answer
    ) -> None:
        with serving(lambda _: answer) as server, pytest.raises(TemporaryError):
            calling(server, way, seconds=0.6).call("team_lead", MESSAGE)

    @pytest.mark.parametrize("way", WAYS, ids=["pagerduty", "slack"])
    def test_no_error_tells_a_secret(self, way: Address) -> None:
        echo = an_answer({"ok": False, "error": {"message": f"{TOKEN} {ROUTING_KEY}"}}, 401)
        with serving(lambda _: echo) as server, pytest.raises(PermanentError) as caught:
            calling(server, way).call("team_lead", MESSAGE)

        assert TOKEN not in str(caught.value)

    def test_a_webhook_is_posted_the_message_and_its_url_is_never_shown(self) -> None:
        with serving(lambda _: Answer(204)) as server:
            address = Address(webhook=f"{server.url}/s3cret")
            assert calling(server, address).call("team_lead", MESSAGE) == ""

        [request] = server.requests
        body = json.loads(request.body)
        assert (request.path, body["title"], body["key"]) == ("/s3cret", MESSAGE.title, MESSAGE.key)
        assert "s3cret" not in repr(address)

    def test_a_level_that_is_not_configured_any_more_is_given_up(self) -> None:
        with pytest.raises(PermanentError, match="team payments: no team_lead is configured any more"):
            Calling({}).call("team_lead", MESSAGE)

    @pytest.mark.parametrize(("way", "missing"), list(zip(WAYS, ("pagerduty", "slack"), strict=True)))
    def test_a_way_that_is_not_configured_is_named(self, way: Address, missing: str) -> None:
        with pytest.raises(PermanentError, match=f"called by {missing}, which is not configured"):
            Calling({("payments", "team_lead"): way}).call("team_lead", MESSAGE)
