"""Restore: take back the capacity that scale added, if the value is still ours."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Applied, Change, SetAutoscalerMinimum, SetReplicas
from shared.domain.guardrails import Rails
from shared.domain.response import Capacity, Response
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result
from shared.domain.workloads import Workload
from shared.ports import Workloads
from shared.runbook import looking


@dataclass(frozen=True)
class Restore:
    """Puts the autoscaler's bounds or the number of replicas back."""

    workloads: Workloads
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return a few minutes: capacity left behind costs money, not the service."""
        return 300.0

    def run(self, case: Case, now: datetime) -> Result:
        """Intend to take back what was added; what someone else changed meanwhile is left alone."""
        response, capacity = case.response, case.response.capacity
        if capacity is None:
            return Done(response, "")
        service = looking.service_of(self.catalogue, response)
        held_back = looking.held_back(case, service, self.rails, now)
        if held_back is not None:
            return held_back
        workload = self.workloads.read(response.workload)
        change = _back(response, capacity, workload) if workload is not None else None
        if change is None:
            return Done(replace(response, capacity=None), "capacity_left_alone", {"added": capacity.added})
        return Intend(
            replace(response, delay=None), change, {"before": capacity.added, "after": capacity.before}
        )

    def apply(self, change: Change) -> Applied:
        """Make the change by compare-and-swap."""
        return self.workloads.apply(change)

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Note that nothing is owed any more."""
        capacity = case.response.capacity
        facts = {"after": capacity.before if capacity else None}
        return Made(replace(case.response, capacity=None), "capacity_taken_back", facts)


def _back(response: Response, capacity: Capacity, workload: Workload) -> Change | None:
    scaler = workload.autoscaler
    if capacity.autoscaler:
        if scaler is None or scaler.name != capacity.autoscaler:
            return None
        if (scaler.minimum, scaler.maximum) != (capacity.added, capacity.maximum_added):
            return None
        return SetAutoscalerMinimum(
            workload=workload.ref,
            response_id=response.id,
            autoscaler=scaler.name,
            resource_version=scaler.resource_version,
            minimum_before=scaler.minimum,
            maximum_before=scaler.maximum,
            minimum=capacity.before,
            maximum=capacity.maximum_before,
        )
    if workload.replicas != capacity.added:
        return None
    return SetReplicas(
        workload=workload.ref,
        response_id=response.id,
        resource_version=workload.resource_version,
        replicas_before=workload.replicas,
        replicas=capacity.before,
    )
