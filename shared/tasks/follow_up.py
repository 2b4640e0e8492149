"""Follow up: what the runbook wants of people within a day and a week becomes issues, or a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain import paperwork
from shared.domain.changes import Scalar
from shared.domain.follow_ups import ITEMS
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.ports import NewIssue, Records, Tracker
from shared.tasks.resume import Tell


class Words(Protocol):
    """What is filed or told."""

    def to_do(self, response: Response, facts: Mapping[str, Scalar], reported: str) -> NewIssue | None:
        """Return the issue that the facts of a task want; None where there is to be none.

        `reported` is the issue of the report, empty where there is none.
        """
        ...

    def lines(self, response: Response) -> Mapping[str, Scalar]:
        """Return the lists in words."""
        ...


@dataclass(frozen=True)
class FollowUp:
    """Files one, with both lists or for one item, and tells the team; without a tracker it tells only."""

    records: Records
    tracker: Tracker
    words: Words
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """File and tell. Raises what the tracker raises."""
        tasks = self.records.tasks(response.id)
        reports = (t.receipt for t in tasks if t.kind == paperwork.REPORT and "#" in t.receipt)
        draft = self.words.to_do(response, task.facts, next(reports, ""))
        filed = self.tracker.file(draft) if draft is not None else None
        facts = {**self.words.lines(response), "url": filed.url if filed is not None else ""}
        first = task.facts.get("item") in {None, ITEMS[0].text}
        news = self.tell(response, "follow_ups", facts, task.name, now) if first else ()
        if filed is None:
            return Finished("told: follow-ups", then=tuple(news))
        return Finished(f"filed: {filed.url}", filed.reference, then=tuple(news))
