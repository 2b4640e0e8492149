"""Scale: add capacity first, where the matrix says so or a person ordered it."""

import math
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Applied, Change, Scalar
from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.response import Capacity, Response, Step, Wanted
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result
from shared.domain.workloads import Workload
from shared.errors import PermanentError
from shared.ports import Workloads
from shared.runbook import capacity, looking

FACTOR = 1.5
"""How much capacity is added: half as much again, at least one."""


@dataclass(frozen=True)
class Scale:
    """Raises the autoscaler's minimum where there is one, else the number of replicas."""

    workloads: Workloads
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the runbook's three minutes for adding capacity and letting it settle."""
        return looking.timing_of(self.catalogue, response).settle

    def run(self, case: Case, now: datetime) -> Result:
        """Intend more capacity; a workload that cannot have more goes on to be assessed for a rollback."""
        response = case.response
        service = looking.service_of(self.catalogue, response)
        interrupted = looking.interrupted(case, service, self.rails, now)
        if interrupted is not None:
            return interrupted
        workload = looking.must_read(self.workloads.read(response.workload), response)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        more = _more(response, workload)
        if more is not None:
            seen = {"replicas_before": workload.replicas, "autoscaler": bool(workload.autoscaler)}
            change = capacity.change(workload, response.id, replicas=more.added, maximum=more.maximum_added)
            return Intend(replace(response, capacity=more), change, seen)
        if response.order is not None and response.order.wanted is Wanted.SCALE:
            raise PermanentError(
                f"{workload.ref} cannot be scaled to {response.order.replicas}",
                reason=Reason.SCALE_NOT_POSSIBLE,
            )
        facts: dict[str, Scalar] = {"replicas": workload.replicas, "kind": workload.ref.kind}
        return Done(replace(response, scaled=True), "scale_not_possible", facts, to=Step.ASSESS)

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Keep what was added, to take it back; what a person ordered stays."""
        added = case.response.capacity
        if added is None:
            raise PermanentError("capacity was added that nobody had planned")
        ordered = case.response.order is not None and case.response.order.wanted is Wanted.SCALE
        response = replace(case.response, scaled=True, capacity=None if ordered else added)
        facts: dict[str, Scalar] = {
            "before": added.before,
            "after": added.added,
            "autoscaler": added.autoscaler,
        }
        return Made(response, "scaled", facts)


def _more(response: Response, workload: Workload) -> Capacity | None:
    """Return the capacity that is to be added, or None when there is no way to add any.

    It is stored with the intent. After a time-out nobody knows whether the change was made, so the same
    capacity is intended again, not half as much on top of it.
    """
    if workload.ref.kind == "daemonset" or workload.replicas == 0:
        return None
    intended = response.capacity
    now = capacity.present(workload)
    if intended is not None and now in (capacity.before(intended), capacity.after(intended)):
        return intended
    ordered = response.order.replicas if response.order else None
    wanted = ordered or max(workload.replicas + 1, math.ceil(workload.replicas * FACTOR))
    name, before, maximum_before = now
    if workload.autoscaler is None:
        return Capacity(name, before, maximum_before, wanted, 0)
    return Capacity(name, before, maximum_before, max(wanted, before), max(wanted, maximum_before))
