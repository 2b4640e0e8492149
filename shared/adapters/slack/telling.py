"""Tells people in Slack: one message for each response, kept up to date; what is new goes into its thread."""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from shared.adapters.slack import blocks
from shared.adapters.slack.calling import Calls, SlackError
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from shared.ports import CALL_SECONDS, Message

EVENT_TYPE = "backout"
"""The metadata's type of each of our messages; its payload holds the message's `key`."""

CALLS_TO_A_PERSON = frozenset({"asked", "alerts_again", "overdue", "task_given_up"})
"""News that shows in the channel as well as in the thread: a silent edit calls nobody."""

_PAGE = 200
_MOST_PAGES = 5
_SECONDS_BETWEEN_POSTS = 1.0
_LONGEST_TURN_SECONDS = 3.0
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_CANNOT_LOOK = frozenset({"missing_scope", "not_in_channel", "channel_not_found", "thread_not_found"})


_log = logging.getLogger("backout.slack")


class SlackPeople:
    """Posts to a team's channel. The receipt is ``channel/ts`` of the response's message.

    The first message of a response is posted, each later one edits it and replies in its thread; what is told
    aside only replies. Where an attempt before may have been delivered, our messages are looked through for
    its key first; without the scope for that, it is posted again.
    """

    def __init__(
        self,
        token: str,
        url: str,
        channels: Mapping[str, str],
        default_channel: str,
        *,
        seconds: float = CALL_SECONDS,
        timeout_seconds: float = 4.0,
        turns: "Turns | None" = None,
    ) -> None:
        self._token = token
        self._url = url
        self._channels = channels
        self._default_channel = default_channel
        self._seconds = seconds
        self._timeout_seconds = timeout_seconds
        self._turns = turns or Turns()

    def warm(self) -> None:
        """Import the library; no call is made."""
        self._calls()

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        calls = self._calls()
        if not anchor:
            return self._first(calls, message, self._channel(message.team), again=again)
        channel, _, ts = anchor.partition("/")
        if not message.aside and not _edited(calls, message, channel, ts):
            return self._first(calls, message, channel, again=again)
        if not (again and _found(calls, message.key, channel=channel, thread=ts)):
            self._post(
                calls,
                message,
                channel=channel,
                blocks=blocks.news(message),
                thread_ts=ts,
                reply_broadcast=message.code in CALLS_TO_A_PERSON,
            )
        return anchor

    def _calls(self) -> Calls:
        return Calls(self._token, self._url, seconds=self._seconds, timeout_seconds=self._timeout_seconds)

    def _channel(self, team: str) -> str:
        channel = self._channels.get(team) or self._default_channel
        if not channel:
            raise PermanentError(
                f"no Slack channel is configured for team {team or '(none)'}: `slack.channel`"
            )
        return channel

    def _first(self, calls: Calls, message: Message, channel: str, *, again: bool) -> str:
        ts = _found(calls, message.key, channel=channel) if again else ""
        return f"{channel}/{ts or self._post(calls, message, channel=channel, blocks=blocks.story(message))}"

    def _post(self, calls: Calls, message: Message, *, channel: str, **arguments: Any) -> str:  # noqa: ANN401 - as Slack's method takes them
        self._turns.take(channel)
        posted = calls.call(
            calls.client.chat_postMessage,
            channel=channel,
            text=blocks.text(message),
            metadata={"event_type": EVENT_TYPE, "event_payload": {"key": message.key}},
            unfurl_links=False,
            unfurl_media=False,
            **arguments,
        )
        return str(posted.get("ts", ""))


class Turns:
    """Slack takes a message a second for each channel: this process waits for its turn, not for too long."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._pause = pause
        self._lock = Lock()
        self._free_at: dict[str, float] = {}

    def take(self, channel: str) -> None:
        """Wait for the channel's next turn. Raises TemporaryError when it is more than seconds away."""
        with self._lock:
            now = self._monotonic()
            wait = max(0.0, self._free_at.get(channel, now) - now)
            if wait <= _LONGEST_TURN_SECONDS:
                self._free_at[channel] = now + wait + _SECONDS_BETWEEN_POSTS
        if wait > _LONGEST_TURN_SECONDS:
            raise TemporaryError(
                "many messages wait for this channel", retry_after=wait, reason=Reason.INTERNAL
            )
        if wait > 0:
            self._pause(wait)


def _edited(calls: Calls, message: Message, channel: str, ts: str) -> bool:
    """Edit the response's message; return False where someone has deleted it, or it may not be any more."""
    try:
        calls.call(
            calls.client.chat_update,
            channel=channel,
            ts=ts,
            text=blocks.text(message),
            blocks=blocks.story(message),
        )
    except SlackError as error:
        if error.code not in _GONE:
            raise
        return False
    return True


def _found(calls: Calls, key: str, *, channel: str, thread: str = "") -> str:
    """Return the timestamp of our message with this key in the channel or thread; empty: there is none."""
    cursor = ""
    for _ in range(_MOST_PAGES):
        page: dict[str, Any] = {"channel": channel, "limit": _PAGE, "include_all_metadata": True}
        if cursor:
            page["cursor"] = cursor
        try:
            if thread:
                answer = calls.call(calls.client.conversations_replies, ts=thread, **page)
            else:
                answer = calls.call(calls.client.conversations_history, **page)
        except SlackError as error:
            if error.code not in _CANNOT_LOOK:
                raise
            _log.warning("cannot look whether %s has been posted: %s", key, error)
            return ""
        for posted in answer.get("messages") or ():
            metadata = posted.get("metadata") or {}
            if (
                metadata.get("event_type") == EVENT_TYPE
                and metadata.get("event_payload", {}).get("key") == key
            ):
                return str(posted.get("ts", ""))
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return ""
    return ""
