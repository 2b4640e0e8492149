"""Restore: take back the capacity that scale added, and start an owner again that was stopped for nothing."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Applied, Change, ResumeOwner
from shared.domain.guardrails import Rails
from shared.domain.response import Response, Step
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result
from shared.ports import Workloads
from shared.runbook import capacity, looking


@dataclass(frozen=True)
class Restore:
    """Puts the autoscaler's bounds or the number of replicas back; then the owner that was stopped.

    After a rollback the owner stays stopped, for it would undo it: a task and a person see to that.
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
        if not response.owes_restoring:
            return Done(response, "")
        service = looking.service_of(self.catalogue, response)
        held_back = looking.held_back(case, service, self.rails, now)
        if held_back is not None:
            return held_back
        if extra is None:
            return _resuming(replace(response, delay=None))
        workload = self.workloads.read(response.workload)
        now_there = capacity.present(workload, extra) if workload is not None else None
        if workload is None or now_there != capacity.after(extra):
            as_before = now_there == capacity.before(extra)
            code = "capacity_as_before" if as_before else "capacity_left_alone"
            return Done(replace(response, capacity=None), code, {"added": extra.added}, to=Step.RESTORE)
        change = capacity.change(
            workload, response.id, replicas=extra.before, maximum=extra.maximum_before, of=extra
        )
        return Intend(replace(response, delay=None), change, {"before": extra.added, "after": extra.before})

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Note what is not owed any more."""
        if isinstance(change, ResumeOwner):
            stopped = case.response.suspended
            return Made(
                replace(case.response, suspended=None),
                "owner_resumed",
                {"owner": str(stopped)},
                to=Step.RESTORE,
            )
        extra = case.response.capacity
        facts = {"after": extra.before if extra else None}
        taken_back = replace(case.response, capacity=None)
        return Made(taken_back, "capacity_taken_back", facts, to=Step.RESTORE)


def _resuming(response: Response) -> Result:
    stopped = response.suspended
    if stopped is None:
        return Done(response, "")
    if response.moved:
        return Done(replace(response, suspended=None), "owner_left_alone", {"owner": str(stopped)})
    change = ResumeOwner(
        workload=response.workload,
        response_id=response.id,
        kind=stopped.kind,
        namespace=stopped.namespace,
        name=stopped.name,
        before=stopped.before,
    )
    return Intend(response, change, {"owner": str(stopped)})
