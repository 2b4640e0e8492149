"""The messages of a Slack workspace."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.receivers import pressing
from sandbox.receivers.blocks import buttons
from sandbox.receivers.slack_arguments import Arguments, Content, cursor_at, flag, page_limit, page_start


@dataclass(frozen=True)
class SlackMessage:
    """A message as it stands; `earlier` are its former contents, `visible_to` is empty for everyone.

    `user` is who wrote it, empty for the app; `subtype` is Slack's for what nobody wrote (``channel_join``).
    """

    channel: str
    ts: str
    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] | None = None
    thread_ts: str = ""
    visible_to: str = ""
    earlier: tuple[Content, ...] = ()
    user: str = ""
    subtype: str = ""

    @property
    def buttons(self) -> tuple[str, ...]:
        """The action ids of the buttons that can be pressed now."""
        return tuple(button["action_id"] for _, button in buttons(self.blocks))


class SlackMessages:
    """What stands in channels and threads, in the order of posting."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], SlackMessage] = {}
        self._numbers = itertools.count(1)

    def everything(self) -> tuple[SlackMessage, ...]:
        """Return all, in order."""
        return tuple(self._messages.values())

    def find(self, channel: str, ts: str) -> SlackMessage | None:
        """Return one by its place."""
        return self._messages.get((channel, ts))

    def replies(self, message: SlackMessage) -> tuple[SlackMessage, ...]:
        """Return the replies in a message's thread, in order."""
        place = (message.channel, message.ts)
        return tuple(each for each in self.everything() if (each.channel, each.thread_ts) == place)

    def written(
        self, content: Content, *, channel: str, at: float, thread_ts: str = "", visible_to: str = ""
    ) -> SlackMessage:
        """Give a content its place; `ts` is an id too, so no two are the same, and they ascend."""
        return SlackMessage(
            channel=channel,
            ts=f"{int(at)}.{next(self._numbers):06d}",
            text=content.text,
            blocks=self._identified(content.blocks),
            metadata=content.metadata,
            thread_ts=thread_ts,
            visible_to=visible_to,
        )

    def post(self, message: SlackMessage) -> SlackMessage:
        """Put a message up."""
        self._messages[message.channel, message.ts] = message
        return message

    def update(self, before: SlackMessage, content: Content) -> SlackMessage:
        """Replace what a message says; metadata stays unless there is new."""
        former = Content(before.text, before.blocks, before.metadata)
        return self.post(
            replace(
                before,
                text=content.text,
                blocks=self._identified(content.blocks),
                metadata=before.metadata if content.metadata is None else content.metadata,
                earlier=(*before.earlier, former),
            )
        )

    def remove(self, message: SlackMessage) -> None:
        """Take a message away."""
        self._messages.pop((message.channel, message.ts), None)

    def shown(self, message: SlackMessage, *, metadata: bool) -> dict[str, Any]:
        """Write a message as Slack's answers do."""
        shown: dict[str, Any] = {
            "type": "message",
            "user": pressing.BOT_USER_ID,
            "bot_id": pressing.BOT_ID,
            "app_id": pressing.APP_ID,
            "team": pressing.TEAM_ID,
            "text": message.text,
            "ts": message.ts,
            "blocks": list(message.blocks),
        }
        replies = self.replies(message)
        if message.user:
            by_app = ("bot_id", "app_id", "blocks")
            shown = {name: value for name, value in shown.items() if name not in by_app}
            shown |= {"user": message.user} | ({"subtype": message.subtype} if message.subtype else {})
        if message.thread_ts or replies:
            shown["thread_ts"] = message.thread_ts or message.ts
        if replies:
            shown["reply_count"] = len(replies)
        if message.earlier:
            shown["edited"] = {"user": pressing.BOT_ID, "ts": message.ts}
        if metadata and message.metadata is not None:
            shown["metadata"] = dict(message.metadata)
        return shown

    def page(self, messages: Sequence[SlackMessage], arguments: Arguments) -> dict[str, Any]:
        """Write the page that a call asks for."""
        oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or math.inf)
        ends = {oldest, latest} if flag(arguments, "inclusive") else set()
        within = [each for each in messages if oldest < float(each.ts) < latest or float(each.ts) in ends]
        start = page_start(arguments)
        end = start + page_limit(arguments)
        metadata = flag(arguments, "include_all_metadata")
        page: dict[str, Any] = {
            "messages": [self.shown(each, metadata=metadata) for each in within[start:end]],
            "has_more": end < len(within),
        }
        if page["has_more"]:
            page["response_metadata"] = {"next_cursor": cursor_at(end)}
        return page

    def _identified(self, blocks: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        """Give blocks and buttons the ids that Slack makes up where the app gives none."""
        return tuple(self._with_ids(block) for block in blocks)

    def _with_ids(self, block: Mapping[str, Any]) -> dict[str, Any]:
        named = {"block_id": f"b{next(self._numbers)}", **block}
        if "elements" in block:
            named["elements"] = [self._with_id(element) for element in block["elements"]]
        if "accessory" in block:
            named["accessory"] = self._with_id(block["accessory"])
        return named

    def _with_id(self, element: dict[str, Any]) -> dict[str, Any]:
        return {"action_id": f"a{next(self._numbers)}", **element} if element["type"] == "button" else element
