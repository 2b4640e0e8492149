"""Report: file the account of a response that acted, where people keep such; once.

The runbook's "create incident report", within half an hour of the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.owed import Finished, Later
from shared.domain.paperwork import TO_DIRECTORY, Place
from shared.domain.response import Event, Response, Task
from shared.errors import PermanentError
from shared.ports import NewIssue, Records, Shelf, Template, Tracker
from shared.tasks.resume import Tell


class Words(Protocol):
    """What is filed, and where."""

    def place(self, response: Response) -> Place:
        """Return where the issue belongs; the repository is empty where none is known."""
        ...

    def word(self, response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> str:
        """Return the report."""
        ...

    def draft(
        self,
        response: Response,
        events: Sequence[Event],
        tasks: Sequence[Task],
        template: Template | None,
    ) -> NewIssue:
        """Return the report as an issue, in the form of the template."""
        ...


@dataclass(frozen=True)
class Report:
    """Files the report as an issue or as a file.

    A response that is told of on an issue gets one of its own all the same: that one is the service's, or
    whoever's it was, and the incident's follow-ups need a place.
    """

    records: Records
    tracker: Tracker
    shelf: Shelf
    words: Words
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """File it. Raises what the tracker and the shelf raise."""
        events, tasks = self.records.events(response.id), self.records.tasks(response.id)
        if task.facts.get("to") == TO_DIRECTORY:
            path = self.shelf.put(f"{response.id}.md", self.words.word(response, events, tasks))
            return Finished(f"written: {path}", path)
        place = self.words.place(response)
        if not place.repository:
            raise PermanentError(f"no repository is configured for {response.service}, nor for reports")
        template = self.tracker.template(place.repository, place.template) if place.template else None
        filed = self.tracker.file(self.words.draft(response, events, tasks, template))
        news = self.tell(response, "report_filed", {"url": filed.url}, task.name, now)
        return Finished(f"filed: {filed.url}", filed.reference, then=tuple(news))
