"""Remind: an owner that is still stopped is told of again and again, until it runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import aftercare
from shared.domain.changes import Scalar
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.ports import Records
from shared.tasks.resume import Tell

WHILE_LIVE = timedelta(minutes=10)


@dataclass(frozen=True)
class Remind:
    """Tells people that something is stopped, and owes the next reminder."""

    records: Records
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Remind, unless it runs again; a response that lives knows of it."""
        if response.live:
            return Later(now + WHILE_LIVE)
        tasks = {each.name: each for each in self.records.tasks(response.id)}
        if not aftercare.still_stopped(response, tasks):
            return Finished("it runs again")
        facts: dict[str, Scalar] = {"owner": str(response.suspended)}
        news = self.tell(response, "still_stopped", facts, task.name, now)
        nth = int(task.facts.get("nth") or 1) + 1
        following = aftercare.reminder(response, str(task.facts.get("of")), nth, now)
        return Finished(f"{response.suspended} is still stopped", then=(*news, following))
