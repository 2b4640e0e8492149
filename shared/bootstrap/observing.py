"""Observing: what is stored is logged and counted, in one place and after it has been stored."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.domain import metrics
from shared.domain.metrics import SWEPT, Measure
from shared.domain.response import Task
from shared.ports import Commit, Due, Lost, Metrics, Records, Versioned

log = logging.getLogger("backout.response")

OVERDUE = timedelta(seconds=10)
"""A response that has been due for so long was lost: its message never came, or its worker died."""


class ObservedRecords:
    """The table, with its commits, ended tasks and sweeps counted, and each event a line of the log."""

    def __init__(self, records: Records, counted: Metrics) -> None:
        self._records, self._metrics = records, counted
        self._overdue: frozenset[Due] = frozenset()
        self.read, self.events, self.recent = records.read, records.events, records.recent
        self.task, self.tasks, self.put_freezes = records.task, records.tasks, records.put_freezes

    def commit(self, commit: Commit) -> Lost | None:
        """Store a transition, and tell of it once it is stored."""
        lost = self._records.commit(commit)
        if lost is None:
            response = commit.state.response
            for event in commit.events:
                about = {"response": response.id, "workload": str(response.workload), "step": event.phase}
                log.info("%s %s by %s", response.service, event.code, event.by, extra=about)
            self._count(metrics.of_events(response, commit.events))
        return lost

    def put_task(self, task: Versioned[Task]) -> bool:
        """Store a task, and count it if that ended it without success."""
        stored = self._records.put_task(task)
        if stored:
            self._count(metrics.of_task(task.value))
        return stored

    def due(self, now: datetime, *, limit: int = 100) -> Sequence[Due]:
        """Return what is due; a response that should have been found by its message counts, once.

        What was counted and is not asked for now, since `now` is before it, stays known.
        """
        found = self._records.due(now, limit=limit)
        overdue = frozenset(due for due in found if not due.task and due.due_at <= now - OVERDUE)
        self._count([Measure(SWEPT)] * len(overdue - self._overdue))
        self._overdue = overdue | {due for due in self._overdue if due.due_at > now - OVERDUE}
        return found

    def _count(self, measures: Sequence[Measure]) -> None:
        if measures:
            self._metrics.add(measures)
