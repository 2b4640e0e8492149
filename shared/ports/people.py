"""Who is told, and what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Button:
    """What a person may press: a verb (``approve``, ``abort``, ``rollback``) on the question it answers."""

    verb: str
    label: str
    question: str = ""
    confirm: str = ""


@dataclass(frozen=True)
class Message:
    """What people are told: vendor-neutral facts. `key` is the same for each attempt to send it.

    `code` is that of the event it tells of, `phase` where the response is now, and `reason` why it has ended.
    `rows` are the decision's rows and `timeline` the story so far, a line each. `references` name what the
    response is known by elsewhere: ``pagerduty`` an incident's id, ``github`` an issue (``owner/repo#12``).
    One that is told `aside` is not about how the service is: a channel that shows the state of things goes
    on showing that.
    """

    key: str
    title: str
    lines: tuple[str, ...]
    response_id: str
    severity: str
    links: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    service: str = ""
    team: str = ""
    phase: str = ""
    reason: str = ""
    rows: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    aside: bool = False


class People(Protocol):
    """Tells people, by one channel (a chat, an incident, an issue, a status page, a webhook)."""

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        """Deliver the message; return its receipt, by which the channel knows it again (empty: by nothing).

        `anchor` is the receipt of the response's first message on this channel, empty for the first.
        `again` says that an attempt before this one may have been delivered: a channel that can tell
        (an edit, a key, a hidden marker) looks first. Raises TemporaryError (try again) or PermanentError.
        """
        ...
