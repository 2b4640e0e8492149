"""Tasks: what responses owe beside their steps, each with its own due time, retries and result.

A task never delays its response. The attempt is stored before the effect, so a crash shows as an attempt
without a result, and the task is tried again once its lease has run out.

What fails for the time being is tried for nearly three hours: an outside that is away for one is outlasted,
and so is a secret that is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from shared.domain.owed import GIVEN_UP, Finished, Later, TaskKind
from shared.domain.response import Response, Task
from shared.engine.hands import LEASE
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import Clock, Records, Versioned
from shared.subjects import Spans, about

MOST_ATTEMPTS = 20
"""With the pauses below: 17 minutes for the first ten, 2 h 47 min for all."""

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)


class LoneKind(Protocol):
    """A kind of task that is about no one response; its `response_id` is only the key it is kept under."""

    def run(self, task: Task, now: datetime) -> Finished | Later:
        """Do what is owed. Raises TemporaryError (tried again later) and PermanentError (given up)."""
        ...


Work = Callable[[Task, datetime], Finished | Later]
Giving = Callable[[Response, Task, datetime], Sequence[Task]]


@dataclass(frozen=True)
class TaskRunner:
    """Runs tasks that are due. `lone` kinds are run without a response.

    `given_up` returns the tasks that follow from one that was given up: whoever counts on it is told.
    """

    records: Records
    kinds: Mapping[str, TaskKind]
    clock: Clock
    lone: Mapping[str, LoneKind] = field(default_factory=dict)
    given_up: Giving | None = None
    spans: Spans = about

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
        response = self._response(stored.value)
        work = self._work(stored.value, response)
        if work is None:
            return
        if stored.value.attempts >= MOST_ATTEMPTS:
            tired = f"{GIVEN_UP} after {stored.value.attempts} attempts that left no result"
            self._give_up(stored.value, response, tired, stored.version)
            return
        attempt = replace(stored.value, attempts=stored.value.attempts + 1, due_at=now + LEASE)
        if not self.records.put_task(Versioned(attempt, stored.version)):
            return
        try:
            with self.spans("task", response=response_id, workload="", step="", task=name):
                result = work(attempt, now)
        except (TemporaryError, ConfigurationError) as error:
            if attempt.attempts >= MOST_ATTEMPTS:
                tired = f"{GIVEN_UP} after {attempt.attempts} attempts: {error}"
                self._give_up(attempt, response, tired, stored.version + 1)
            else:
                self._put(self._again(attempt, error), stored.version + 1)
            return
        except PermanentError as error:
            self._give_up(attempt, response, f"{GIVEN_UP}: {error}", stored.version + 1)
            return
        self._finish(attempt, result, stored.version + 1)

    def _response(self, task: Task) -> Response | None:
        if task.kind in self.lone:
            return None
        state = self.records.read(responses=[task.response_id]).states.get(task.response_id)
        return state.response if state is not None else None

    def _work(self, task: Task, response: Response | None) -> Work | None:
        """Return what runs the task; None when the response that it is owed by is not there."""
        lone = self.lone.get(task.kind)
        if lone is not None:
            return lone.run
        return partial(_run, self.kinds.get(task.kind), response) if response is not None else None

    def _finish(self, attempt: Task, result: Finished | Later, version: int) -> None:
        if isinstance(result, Later):
            later = replace(attempt, due_at=result.until, attempts=0, result=result.why)
            self._put(later, version)
            return
        for following in result.then:
            self._put(following, 0)
        ended = _ended(attempt, result.result, self.clock())
        found = {**attempt.facts, **result.facts}
        self._put(replace(ended, receipt=result.receipt, facts=found), version)

    def _give_up(self, task: Task, response: Response | None, result: str, version: int) -> None:
        """End a task in vain; one that another worker has taken over meanwhile is theirs to end."""
        stored, now = self.records.task(task.response_id, task.name), self.clock()
        if stored is None or stored.version != version:
            return
        ended = _ended(task, result, now)
        if response is not None and self.given_up is not None:
            for following in self.given_up(response, ended, now):
                self._put(following, 0)
        self._put(ended, version)

    def _again(self, attempt: Task, error: TemporaryError | ConfigurationError) -> Task:
        pause = min(FIRST_PAUSE * 2 ** (attempt.attempts - 1), LONGEST_PAUSE)
        if isinstance(error, TemporaryError):
            pause = max(pause, timedelta(seconds=error.retry_after))
        due_at = self.clock() + pause
        return replace(attempt, due_at=due_at, result=f"attempt {attempt.attempts}: {error}")

    def _put(self, task: Task, version: int) -> None:
        """Store a task; one that was meanwhile taken over by another worker stays theirs."""
        self.records.put_task(Versioned(task, version))


def _run(kind: TaskKind | None, response: Response, task: Task, now: datetime) -> Finished | Later:
    if kind is None:
        raise PermanentError(f"no task kind {task.kind}")
    return kind.run(task, response, now)


def _ended(task: Task, result: str, now: datetime) -> Task:
    return replace(task, due_at=None, result=result, ended_at=now)
