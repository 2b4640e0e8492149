"""Gate: bring what enforces a deploy gate in line with it, after a rollback and when a person opens it.

The runbook's "block further deployments". It looks at how the gate is when it runs, not at what it was when
the task was made, and looks again afterwards, until what it did is what is wanted: of several that meet, one
that was held up until the gate has moved on among them, the last to change anything puts it right.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import aftercare
from shared.domain.owed import Finished, Later
from shared.domain.records import Restored
from shared.domain.response import Response, Task
from shared.domain.services import Catalogue, Service
from shared.domain.workloads import WorkloadRef
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import Barrier, Records
from shared.tasks.resume import Tell

Closing = Callable[[Collection[WorkloadRef]], Mapping[WorkloadRef, Restored]]
"""Returns the rollback that keeps the gate closed, of each of the workloads whose gate is."""

FROZEN = timedelta(minutes=1)
MOST_LOOKS = 5
PATIENCE = 8
"""Attempts, some four minutes, after which people are told that a system is away."""

MOST_ROUNDS = 10
"""How often people are told, each time after a longer pause: for about a week."""


@dataclass(frozen=True)
class Gate:
    """A barrier that cannot be closed or opened is told of and tried again, each time later."""

    records: Records
    barriers: Mapping[str, Barrier]
    catalogue: Catalogue
    closing: Closing
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Close or open. Raises TemporaryError when it is to be tried again."""
        try:
            return self._enforced(task, response, now)
        except TemporaryError as error:
            if task.attempts < PATIENCE:
                raise
            return self._failed(task, response, error, now)
        except PermanentError as error:
            return self._failed(task, response, error, now)

    def _enforced(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        name = str(task.facts["barrier"])
        barrier, service = self.barriers.get(name), self.catalogue.named(response.service)
        if barrier is None or service is None:
            gone = f"gate.{name}" if barrier is None else f"the service {response.service}"
            raise PermanentError(f"{gone} is not configured any more: open it there by hand")
        place = self._remembered(response.id, name) or barrier.place(service)
        if not place:
            return Finished(f"{name}: nothing there deploys {service.name}", aftercare.OPEN)
        why = self._why(name, place, service)
        scope = {"namespace": response.workload.namespace, "team": response.team}
        if why and self.records.read(freezes=True).freezes.value.holding(now, **scope) is not None:
            return Later(now + FROZEN, "not closed yet: changes are frozen")
        for _ in range(MOST_LOOKS):
            barrier.apply(place, closed=bool(why), why=why)
            before, why = why, self._why(name, place, service)
            if bool(before) is bool(why):
                state = aftercare.CLOSED if why else aftercare.OPEN
                return Finished(f"{place} is {state}", f"{state} {place}")
        return Later(now)

    def _remembered(self, response_id: str, name: str) -> str:
        """Return the place that a response closed: the configuration may name another one by now."""
        tasks = self.records.tasks(response_id)
        mine = [t.receipt for t in tasks if t.kind == aftercare.GATE and t.facts["barrier"] == name]
        return next((place for receipt in reversed(mine) if (place := receipt.partition(" ")[2])), "")

    def _why(self, name: str, place: str, own: Service) -> str:
        """Return why the place is to be closed: the first of its services whose gate is; empty for none."""
        others = [each for each in self.catalogue.services if each != own]
        closing = self.closing([own.workload, *(each.workload for each in others)])
        closed = [own] if own.workload in closing else []
        closed += [
            each
            for each in others
            if each.workload in closing and self._place(name, each, closing[each.workload]) == place
        ]
        if not closed:
            return ""
        response_id = closing[closed[0].workload].response_id
        return f"{closed[0].name} is not to be deployed: response {response_id} rolled it back"

    def _place(self, name: str, service: Service, restored: Restored) -> str:
        """Return the place of another service whose gate is closed: what was closed for it, whatever is now.

        One that was not closed yet, and cannot be told, is not this one.
        """
        try:
            return self._remembered(restored.response_id, name) or self.barriers[name].place(service)
        except PermanentError:
            return ""

    def _failed(self, task: Task, response: Response, error: BackoutError, now: datetime) -> Finished:
        name, nth = str(task.facts["barrier"]), int(task.facts["nth"] or 0) + 1
        facts = {"barrier": name, "detail": str(error)}
        news = self.tell(response, "gate_failed", facts, task.name, now)
        if nth > MOST_ROUNDS:
            return Finished(f"given up: {error}", then=tuple(news))
        following = replace(aftercare.gate(response, str(task.facts["of"]), now, nth=nth), result=str(error))
        return Finished(f"to be tried again: {error}", then=(*news, following))
