"""Paperwork: the report and the follow-ups that a response owes once it has rolled something back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.domain import follow_ups
from shared.domain.changes import Scalar
from shared.domain.follow_ups import ITEMS, Term
from shared.domain.response import Event, Response, Task

REPORT, FOLLOW_UP, OVERDUE = "report", "follow_up", "overdue"
TO_ISSUE, TO_DIRECTORY = "github", "directory"


@dataclass(frozen=True)
class Place:
    """Where issues are filed: the repository, the path of its template, labels beside the template's."""

    repository: str
    template: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paperwork:
    """Turns the end of a response that acted into tasks.

    `reports` are the places where the report is filed, `after` how long after the end: what comes late is in
    it then, and the runbook's half an hour is not up. With `follow_ups` the runbook's two lists are owed too,
    a little later, so that they can name the report's issue; `each` files an issue for each item.
    """

    reports: tuple[str, ...] = ()
    after: timedelta = timedelta(minutes=5)
    follow_ups: bool = False
    each: bool = False

    def owed(self, response: Response, event: Event) -> list[Task]:
        """Return the tasks that an event gives rise to."""
        if event.code != "ended" or not (response.acted or response.reverted is not None):
            return []
        owed = [self._task(response, event, REPORT, to, {"to": to}) for to in self.reports]
        if self.follow_ups:
            owed += self._to_do(response, event)
            owed += [overdue(response, f"{event.number:06d}", term, 1) for term in Term]
        return owed

    def _to_do(self, response: Response, event: Event) -> list[Task]:
        if not self.each:
            return [self._task(response, event, FOLLOW_UP, "all", {})]
        return [
            self._task(response, event, FOLLOW_UP, str(n), {"term": item.term.value, "item": item.text})
            for n, item in enumerate(ITEMS, 1)
        ]

    def _task(
        self, response: Response, event: Event, kind: str, name: str, facts: Mapping[str, Scalar]
    ) -> Task:
        return Task(
            response_id=response.id,
            name=f"{kind}#{event.number:06d}#{name}",
            kind=kind,
            due_at=event.at + self.after * (1.0 if kind == REPORT else 1.2),
            facts=facts,
            created_at=event.at,
        )


def overdue(response: Response, number: str, term: Term, nth: int) -> Task:
    """Return the nth look whether a list has been done."""
    at = follow_ups.due_at(response, term) + (nth - 1) * follow_ups.REMINDED_EVERY
    return Task(
        response_id=response.id,
        name=f"{OVERDUE}#{number}#{term.value}#{nth}",
        kind=OVERDUE,
        due_at=at,
        facts={"term": term.value, "of": number, "nth": nth},
        created_at=response.ended_at,
    )
