"""Evict: delete the pods that hold a rollout up, through eviction, so that disruption budgets count."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain import stuck
from shared.domain.changes import Change, EvictPods
from shared.domain.response import Response, Step
from shared.domain.services import Service
from shared.domain.steps import Intend, Made, Result
from shared.ports import Workloads
from shared.runbook import looking, remedy

LAST_TRY_SECONDS = 15.0
"""How much of the budget must be left for another try: longer than what a refusal asks to wait."""


@dataclass(frozen=True)
class Evict:
    """Evicts what the diagnosis names, once; then the rollout is verified again."""

    workloads: Workloads

    def budget(self, service: Service) -> float:
        """Return as long as a budget's refusal is borne: the time in which a rollout is verified."""
        return service.timing.verify

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Intend the eviction of the broken pods; where there are none any more, look again.

        What was refused to the end is left at that: the rollout is verified again, which may ask for force.
        """
        workload = looking.must_read(self.workloads.read(response.workload, events=True), response)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        to = response.choice.to_template_id if response.choice else workload.template_id
        grace = stuck.grace(service.timing.verify)
        found = stuck.diagnosed(workload, now=now, to_template_id=to, grace_seconds=grace)
        if found is None or not found.evictable or not found.broken:
            return remedy.finished(response, "not_stuck", {}, to=Step.VERIFY)
        spent = (now - response.step_started_at).total_seconds()
        if response.faults and spent + LAST_TRY_SECONDS > self.budget(service):
            return remedy.finished(response, "eviction_refused", {"told": found.told}, to=Step.VERIFY)
        pods = ",".join(f"{pod.name}/{pod.uid}" for pod in found.broken)
        change = EvictPods(workload=response.workload, response_id=response.id, pods=pods)
        return Intend(response, change, {"cause": found.cause.value, "pods": len(found.broken)})

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        pods = change.pods if isinstance(change, EvictPods) else ""
        names = ", ".join(pod.partition("/")[0] for pod in pods.split(","))
        return Made(remedy.taken(response), "evicted", {"pods": names}, to=Step.VERIFY)
