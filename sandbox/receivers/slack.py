"""Slack: the Web API that a bot uses, buttons that can be pressed, and response URLs."""

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import httpx
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.receivers import pressing
from sandbox.receivers.rates import Allowance
from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer
from sandbox.receivers.slack_arguments import (
    LONGEST_POST,
    LONGEST_UPDATE,
    Arguments,
    Content,
    arguments_of,
    content_of,
    flag,
    refused,
)
from sandbox.receivers.slack_messages import SlackMessage, SlackMessages

TOKEN = "xoxb-sandbox-0000000000"  # noqa: S105 - made up, worth nothing outside the sandbox
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105 - as above

CHANNELS = MappingProxyType({"C0DEFAULT": "incidents"})
USERS = MappingProxyType({"U01ALICE": "alice", "U02BOB": "bob"})
NO_GROUPS: Mapping[str, Sequence[str]] = MappingProxyType({})

_RESPONSE_URL_USES = 5
_RESPONSE_URL_SECONDS = 30 * 60
_SLACK_PATIENCE_SECONDS = 3.0
_PER_MINUTE = MappingProxyType(
    {
        "auth.test": 200,
        "chat.update": 50,
        "chat.postEphemeral": 100,
        "conversations.history": 50,
        "conversations.replies": 50,
        "usergroups.users.list": 20,
        "users.info": 100,
    }
)
"""What Slack's tiers 2 to 4 allow at least; ``chat.postMessage`` counts for each channel instead."""

Call = Callable[[Arguments], dict[str, Any]]


@dataclass
class ResponseUrl:
    """Where an app may answer a press: five times within half an hour. `bodies` are its answers."""

    message: SlackMessage
    user: str
    made_at: float
    bodies: list[Mapping[str, Any]] = field(default_factory=list)


class Slack(Receiver):
    """A workspace with one app in it, a member of every channel; the Web API is at `api_url`.

    Calls are checked as Slack documents them; stricter than Slack, a thread to reply in must exist. One
    message a second is taken for each channel, `burst` at once.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        signing_secret: str = SIGNING_SECRET,
        channels: Mapping[str, str] = CHANNELS,
        users: Mapping[str, str] = USERS,
        groups: Mapping[str, Sequence[str]] = NO_GROUPS,
        burst: int = 3,
        clock: Clock = time.time,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, port=port)
        self.api_url = f"{self.url}/api/"
        self.ephemerals: list[SlackMessage] = []
        self._token, self._signing_secret = token, signing_secret
        self._channels, self._users, self._groups = channels, users, groups
        self._posting = Allowance(burst=burst, per_second=1.0)
        self._calling = {
            name: Allowance(burst=many, per_second=many / 60) for name, many in _PER_MINUTE.items()
        }
        self._messages = SlackMessages()
        self._response_urls: dict[str, ResponseUrl] = {}
        self._numbers = itertools.count(1)

    @property
    def messages(self) -> tuple[SlackMessage, ...]:
        """What stands in the channels and threads, in the order of posting."""
        return self._messages.everything()

    @property
    def top_level(self) -> tuple[SlackMessage, ...]:
        """What stands in the channels themselves."""
        return tuple(message for message in self.messages if not message.thread_ts)

    @property
    def response_urls(self) -> tuple[ResponseUrl, ...]:
        """The response URLs handed out, one for each press."""
        return tuple(self._response_urls.values())

    def replies(self, message: SlackMessage) -> tuple[SlackMessage, ...]:
        """Return the replies in a message's thread."""
        return self._messages.replies(message)

    def say(self, channel: str, user: str, text: str, *, subtype: str = "") -> SlackMessage:
        """Write a message as a person does; with a subtype what Slack tells of that person (a join, say)."""
        written = self._messages.written(Content(text), channel=channel, at=self._clock())
        return self._messages.post(replace(written, user=user, subtype=subtype))

    def press(
        self,
        message: SlackMessage,
        action_id: str,
        user: str,
        *,
        to: str,
        patience_seconds: float = _SLACK_PATIENCE_SECONDS,
    ) -> httpx.Response:
        """Press a button of a message, as a person saw it, and return what the app at `to` answered.

        Raises `LookupError` when that message has no such button, `httpx.TimeoutException` when the answer
        takes longer than Slack waits.
        """
        now, name = self._clock(), self._users.get(user, user)
        path = f"/actions/{pressing.TEAM_ID}/{next(self._numbers)}/{message.ts}"
        payload = pressing.block_actions(
            self._messages.shown(message, metadata=True),
            action_id,
            channel={"id": message.channel, "name": self._channels[message.channel]},
            user={"id": user, "username": name, "name": name},
            response_url=f"{self.url}{path}",
            trigger_id=f"{next(self._numbers)}.{int(now)}.sandbox",
            at=now,
        )
        self._response_urls[path] = ResponseUrl(message, user, now)
        return pressing.post_interaction(
            to, payload, secret=self._signing_secret, at=now, patience_seconds=patience_seconds
        )

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        reads: dict[str, Call] = {
            "auth.test": self._auth_test,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "usergroups.users.list": self._group,
            "users.info": self._user,
        }
        writes: dict[str, Call] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._post_ephemeral,
        }
        return [
            *(("GET", f"/api/{name}", self._method(name, call)) for name, call in reads.items()),
            *(("POST", f"/api/{name}", self._method(name, call)) for name, call in (reads | writes).items()),
            ("POST", "/actions/{team}/{number}/{ts}", self._answer_press),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        code = "ratelimited" if status == 429 else "internal_error"
        return JSONResponse({"ok": False, "error": code}, status, headers)

    def not_found(self) -> Response:
        return JSONResponse({"ok": False, "error": "unknown_method"})

    def _method(self, name: str, call: Call) -> Act:
        def method(received: Received) -> Response:
            arguments = arguments_of(received)
            token = bearer(received)
            if token != self._token:
                raise refused("not_authed" if token is None else "invalid_auth")
            if name in self._calling:
                self._within(self._calling[name], name)
            answer = {"ok": True, **call(arguments)}
            if (
                received.media_type == "application/json"
                and "charset" not in received.headers["content-type"]
            ):
                answer["warning"] = "missing_charset"
            return JSONResponse(answer)

        return method

    def _within(self, allowance: Allowance, key: str) -> None:
        wait_seconds = allowance.take(key, now=self._clock())
        if wait_seconds > 0:
            raise Refused(self.failure(429, "", {"Retry-After": str(math.ceil(wait_seconds))}))

    def _channel(self, arguments: Arguments) -> str:
        channel = str(arguments.get("channel", ""))
        if channel not in self._channels:
            raise refused("channel_not_found")
        return channel

    def _auth_test(self, _arguments: Arguments) -> dict[str, Any]:
        return {
            "url": "https://sandbox.slack.com/",
            "team": "Sandbox",
            "user": "backout",
            "team_id": pressing.TEAM_ID,
            "user_id": pressing.BOT_USER_ID,
            "bot_id": pressing.BOT_ID,
            "is_enterprise_install": False,
        }

    def _post(self, arguments: Arguments) -> dict[str, Any]:
        channel, thread_ts = self._channel(arguments), str(arguments.get("thread_ts") or "")
        self._within(self._posting, channel)
        content = content_of(arguments, longest_text=LONGEST_POST)
        if thread_ts:
            parent = self._messages.find(channel, thread_ts)
            if parent is None or parent.thread_ts:
                raise refused("cannot_reply_to_message")
        message = self._messages.post(
            self._messages.written(content, channel=channel, at=self._clock(), thread_ts=thread_ts)
        )
        shown = self._messages.shown(message, metadata=True)
        return {"channel": channel, "ts": message.ts, "message": shown}

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        before = self._messages.find(channel, str(arguments.get("ts", "")))
        if before is None:
            raise refused("message_not_found")
        after = self._messages.update(before, content_of(arguments, longest_text=LONGEST_UPDATE))
        shown = self._messages.shown(after, metadata=True)
        return {"channel": channel, "ts": after.ts, "text": after.text, "message": shown}

    def _post_ephemeral(self, arguments: Arguments) -> dict[str, Any]:
        channel, user = self._channel(arguments), str(arguments.get("user", ""))
        if user not in self._users:
            raise refused("user_not_in_channel")
        content = content_of(arguments, longest_text=LONGEST_POST)
        message = self._messages.written(content, channel=channel, at=self._clock(), visible_to=user)
        self.ephemerals.append(message)
        return {"message_ts": message.ts}

    def _history(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        newest_first = [each for each in reversed(self.top_level) if each.channel == channel]
        return self._messages.page(newest_first, arguments)

    def _replies(self, arguments: Arguments) -> dict[str, Any]:
        parent = self._messages.find(self._channel(arguments), str(arguments.get("ts", "")))
        if parent is None:
            raise refused("thread_not_found")
        return self._messages.page([parent, *self.replies(parent)], arguments)

    def _group(self, arguments: Arguments) -> dict[str, Any]:
        group = str(arguments.get("usergroup", ""))
        if group not in self._groups:
            raise refused("no_such_subteam")
        return {"users": list(self._groups[group])}

    def _user(self, arguments: Arguments) -> dict[str, Any]:
        user = str(arguments.get("user", ""))
        if user not in self._users:
            raise refused("user_not_found")
        name = self._users[user]
        profile = {"display_name": name, "real_name": name.title()}
        found = {"id": user, "team_id": pressing.TEAM_ID, "name": name, "deleted": False, "is_bot": False}
        return {"user": {**found, "real_name": name.title(), "profile": profile}}

    def _answer_press(self, received: Received) -> Response:
        """Take what an app says to a press; the URL is its credential."""
        handed_out = self._response_urls.get(received.path)
        if handed_out is None:
            return JSONResponse({"ok": False, "error": "invalid_url"}, 404)
        if self._clock() - handed_out.made_at > _RESPONSE_URL_SECONDS:
            return JSONResponse({"ok": False, "error": "expired_url"}, 404)
        if len(handed_out.bodies) >= _RESPONSE_URL_USES:
            return JSONResponse({"ok": False, "error": "used_url"}, 404)
        if received.media_type != "application/json":
            return PlainTextResponse("invalid_payload", 400)
        body = arguments_of(received)
        self._follow(body, handed_out)
        handed_out.bodies.append(body)
        return PlainTextResponse("ok")

    def _follow(self, body: Arguments, pressed: ResponseUrl) -> None:
        """Do what an answer to a press says: without more it is a text that only the presser sees."""
        message = pressed.message
        if flag(body, "delete_original"):
            self._messages.remove(message)
            return
        content = content_of(body, longest_text=LONGEST_POST)
        now = self._clock()
        if flag(body, "replace_original"):
            self._messages.update(self._messages.find(message.channel, message.ts) or message, content)
        elif body.get("response_type") == "in_channel":
            self._messages.post(self._messages.written(content, channel=message.channel, at=now))
        else:
            self.ephemerals.append(
                self._messages.written(content, channel=message.channel, at=now, visible_to=pressed.user)
            )
