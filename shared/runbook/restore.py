"""Restore: take back the capacity that scale added, if the value is still ours."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Applied, Change
from shared.domain.guardrails import Rails
from shared.domain.response import Response
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result
from shared.ports import Workloads
from shared.runbook import capacity, looking


@dataclass(frozen=True)
class Restore:
    """Puts the autoscaler's bounds or the number of replicas back.

    A workload that was scaled to zero is scaled back whatever a guardrail says and however long it takes.
    """

    workloads: Workloads
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return a few minutes: capacity left behind costs money, not the service."""
        return 300.0

    def run(self, case: Case, now: datetime) -> Result:
        """Intend to take back what was added; what someone else changed meanwhile is left alone."""
        response, extra = case.response, case.response.capacity
        if extra is None:
            return Done(response, "")
        held_back = None if response.is_down else self._held_back(case, now)
        if held_back is not None:
            return held_back
        workload = self.workloads.read(response.workload)
        now_there = capacity.present(workload, extra) if workload is not None else None
        if workload is None or now_there != capacity.after(extra):
            as_before = now_there == capacity.before(extra)
            code = "capacity_as_before" if as_before else "capacity_left_alone"
            return Done(replace(response, capacity=None), code, {"added": extra.added})
        change = capacity.change(
            workload, response.id, replicas=extra.before, maximum=extra.maximum_before, of=extra
        )
        return Intend(replace(response, delay=None), change, {"before": extra.added, "after": extra.before})

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Note what is not owed any more."""
        extra = case.response.capacity
        facts = {"after": extra.before if extra else None}
        return Made(replace(case.response, capacity=None), "capacity_taken_back", facts)

    def _held_back(self, case: Case, now: datetime) -> Result | None:
        service = looking.service_of(self.catalogue, case.response)
        return looking.held_back(case, service, self.rails, now)
