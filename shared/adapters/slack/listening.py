"""Listens in a support channel of Slack: what people have written there since a time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.adapters.slack.calling import Calls
from shared.domain.complaints import Complaint, Listened
from shared.domain.services import Service
from shared.ports import CALL_SECONDS

_PAGE = 200
_MOST_PAGES = 5

_WRITTEN = frozenset({"", "file_share", "me_message", "thread_broadcast"})
"""Subtypes of messages that a person wrote; the others tell of joins, topics, pins and the like."""


class SlackComplaints:
    """Counts the messages of people in the team's support channel, or in that for all.

    ``conversations.history``: what stands in threads is not counted beside its first message. Needs the scope
    ``channels:history`` (``groups:history`` for a private channel), and the app in the channel.
    """

    def __init__(
        self,
        token: str,
        url: str,
        channels: Mapping[str, str],
        default_channel: str,
        *,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._token, self._url, self._seconds = token, url, seconds
        self._channels, self._default_channel = channels, default_channel

    def listen(self, service: Service, *, since: datetime) -> Listened | None:
        channel = self._channels.get(service.team) or self._default_channel
        return self.read(channel, since=since) if channel else None

    def read(self, channel: str, *, since: datetime) -> Listened:
        """Return the messages of people in a channel, the oldest first."""
        calls = Calls(self._token, self._url, seconds=self._seconds)
        asked: dict[str, Any] = {"channel": channel, "oldest": f"{since.timestamp():.6f}", "limit": _PAGE}
        posted: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            answer = calls.call(
                calls.client.conversations_history, **asked, **({"cursor": cursor} if cursor else {})
            )
            posted += [each for each in answer.get("messages") or () if _is_a_persons(each)]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        site = str(calls.call(calls.client.auth_test).get("url") or "") if posted else ""
        complaints = sorted((_complaint(each, site, channel) for each in posted), key=lambda c: c.at)
        return Listened(
            "message", f"Slack {channel}", tuple(complaints), of_customers=True, more=bool(cursor)
        )


def _is_a_persons(message: Mapping[str, Any]) -> bool:
    return not message.get("bot_id") and str(message.get("subtype") or "") in _WRITTEN


def _complaint(message: Mapping[str, Any], site: str, channel: str) -> Complaint:
    """Return a message by its time and permalink, which Slack makes of the workspace, channel and ``ts``."""
    ts = str(message.get("ts") or "0")
    url = f"{site.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}" if site else ""
    return Complaint(datetime.fromtimestamp(float(ts), UTC), url)
