"""Force: scale a workload to zero and back to the count that it had. The last resort; always asked."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.changes import Change
from shared.domain.response import Capacity, Response, Step
from shared.domain.services import Service
from shared.domain.steps import Intend, Made, Result, Wait
from shared.ports import Workloads
from shared.runbook import capacity, looking, remedy

LOOK_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True)
class Force:
    """Goes down, waits until the pods are gone, and up again.

    The count is on the response from the first intent on, as capacity that is owed: whatever ends the
    response half way, restore puts it back.
    """

    workloads: Workloads

    def budget(self, service: Service) -> float:
        """Return how long the pods may take to go."""
        return service.timing.verify

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Intend zero, then the count as it was."""
        workload = looking.must_read(self.workloads.read(response.workload), response)
        owed = response.capacity
        if owed is None:
            gone = looking.superseded(response, workload)
            if gone is not None:
                return gone
            if workload.replicas == 0 or looking.is_whole(workload):
                return remedy.finished(response, "not_stuck", {"replicas": workload.replicas}, to=Step.VERIFY)
            owed = Capacity("", workload.replicas, 0, 0, 0)
        if workload.replicas not in (owed.before, 0):
            found = {"replicas": workload.replicas}
            alone = replace(response, capacity=None)
            return remedy.finished(alone, "capacity_left_alone", found, to=Step.VERIFY)
        down = workload.replicas == 0
        if down and workload.pods and now - response.step_started_at < self._patience(service):
            return Wait(response, now + LOOK_AGAIN)
        if not down and response.halfway:
            return remedy.finished(
                replace(response, capacity=None), "forced", {"replicas": owed.before}, to=Step.VERIFY
            )
        replicas = owed.before if down else 0
        change = capacity.change(workload, response.id, replicas=replicas, maximum=0, of=owed)
        return Intend(
            replace(response, capacity=owed), change, {"before": workload.replicas, "after": replicas}
        )

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        """Keep what is owed while the workload is down; forget it once it is up."""
        owed = response.capacity
        before = owed.before if owed is not None else None
        if remedy.scaled_to(change) == 0:
            down = replace(response, halfway="down")
            return Made(down, "forced_down", {"replicas_before": before}, to=Step.REMEDY)
        up = remedy.taken(replace(response, capacity=None))
        return Made(up, "forced", {"replicas": before}, to=Step.VERIFY)

    @staticmethod
    def _patience(service: Service) -> timedelta:
        return timedelta(seconds=service.timing.verify / 2)
