"""Tell: a message to people about one event of a response, on one channel."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.owed import Finished, Later
from shared.domain.response import Event, Response, Task
from shared.errors import PermanentError
from shared.ports import Message, People, Records

KIND = "tell"
TURN = timedelta(seconds=1)
"""How long a message waits for the one before it on the same channel, before it looks again."""

LONG_TURN = timedelta(seconds=15)
"""The same where the one before it has failed: that may go on for hours, and each look reads and writes."""


@dataclass(frozen=True)
class Tell:
    """Words the message when it is sent, from the facts that the event left.

    Messages of a response go out in order on each channel, so that a chat can edit its first one: a message
    waits while an earlier one is still owed, and goes on when that was delivered or given up.
    """

    records: Records
    channels: Mapping[str, People]
    word: Callable[[Response, Task, tuple[Event, ...]], Message]

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Deliver the message. Raises PermanentError for a channel that is no longer configured."""
        name = str(task.facts.get("channel", ""))
        channel = self.channels.get(name)
        if channel is None:
            raise PermanentError(f"the channel {name} is not configured any more")
        earlier = [t for t in self.records.tasks(response.id) if _before(t, task)]
        owed = [t for t in earlier if t.due_at is not None]
        if owed:
            return Later(now + (LONG_TURN if any(t.attempts > 1 for t in owed) else TURN))
        anchor = next((t.receipt for t in earlier if t.receipt), "")
        message = self.word(response, task, tuple(self.records.events(response.id)))
        receipt = channel.tell(message, anchor=anchor, again=task.attempts > 1)
        return Finished(f"told: {message.title}", receipt)


def _before(other: Task, task: Task) -> bool:
    same = other.kind == KIND and other.facts.get("channel") == task.facts.get("channel")
    return same and other.name < task.name
