"""Tasks: what responses owe beside their steps, each with its own due time, retries and result.

A task never delays its response. The attempt is stored before the effect, so a crash shows as an attempt
without a result, and the task is tried again once its lease has run out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.owed import Finished, Later, TaskKind
from shared.domain.response import Task
from shared.engine.hands import LEASE
from shared.errors import PermanentError, TemporaryError
from shared.ports import Clock, Records, Versioned

MOST_ATTEMPTS = 10
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)


@dataclass(frozen=True)
class TaskRunner:
    """Runs tasks that are due."""

    records: Records
    kinds: Mapping[str, TaskKind]
    clock: Clock

    def run_due(self, response_id: str) -> None:
        """Run the tasks of a response that are due now."""
        for task in self.records.tasks(response_id):
            if task.due_at is not None and task.due_at <= self.clock():
                self.run(response_id, task.name)

    def run(self, response_id: str, name: str) -> None:
        """Run one task if it is due and nobody else has it."""
        stored = self.records.task(response_id, name)
        now = self.clock()
        if stored is None or stored.value.due_at is None or stored.value.due_at > now:
            return
        state = self.records.read(responses=[response_id]).states.get(response_id)
        if state is None:
            return
        attempt = replace(stored.value, attempts=stored.value.attempts + 1, due_at=now + LEASE)
        if not self.records.put_task(Versioned(attempt, stored.version)):
            return
        kind = self.kinds.get(attempt.kind)
        if kind is None:
            self._put(_ended(attempt, f"given up: no task kind {attempt.kind}", now), stored.version + 1)
            return
        try:
            result = kind.run(attempt, state.response, now)
        except TemporaryError as error:
            self._put(self._again(attempt, error), stored.version + 1)
            return
        except PermanentError as error:
            self._put(_ended(attempt, f"given up: {error}", self.clock()), stored.version + 1)
            return
        self._finish(attempt, result, stored.version + 1)

    def _finish(self, attempt: Task, result: Finished | Later, version: int) -> None:
        if isinstance(result, Later):
            later = replace(attempt, due_at=result.until, attempts=attempt.attempts - 1)
            self._put(later, version)
            return
        for following in result.then:
            self._put(following, 0)
        ended = _ended(attempt, result.result, self.clock())
        self._put(replace(ended, receipt=result.receipt), version)

    def _again(self, attempt: Task, error: TemporaryError) -> Task:
        now = self.clock()
        if attempt.attempts >= MOST_ATTEMPTS:
            return _ended(attempt, f"given up after {attempt.attempts} attempts: {error}", now)
        pause = min(FIRST_PAUSE * 2 ** (attempt.attempts - 1), LONGEST_PAUSE)
        pause = max(pause, timedelta(seconds=error.retry_after))
        return replace(attempt, due_at=now + pause, result=f"attempt {attempt.attempts}: {error}")

    def _put(self, task: Task, version: int) -> None:
        """Store a task; one that was meanwhile taken over by another worker stays theirs."""
        self.records.put_task(Versioned(task, version))


def _ended(task: Task, result: str, now: datetime) -> Task:
    return replace(task, due_at=None, result=result, ended_at=now)
