"""Tell: a message to people about one event of a response."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.owed import Finished
from shared.domain.response import Response, Task
from shared.ports import Message, People


@dataclass(frozen=True)
class Tell:
    """Words the message when it is sent, from the facts that the event left."""

    people: People
    word: Callable[[Response, Task], Message]

    def run(self, task: Task, response: Response, now: datetime) -> Finished:
        """Deliver the message."""
        message = self.word(response, task)
        self.people.tell(message)
        return Finished(f"told: {message.title}")
