"""Suspend: stop an owner that would undo what is to be done, and claim all that it manages with it."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Applied, Change, Scalar, StopOwner
from shared.domain.guardrails import Rails
from shared.domain.owners import Ownership, Suspension
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result, Stop
from shared.errors import PermanentError
from shared.ports import Owners, Workloads
from shared.runbook import looking


@dataclass(frozen=True)
class Suspend:
    """Stops the owner by compare-and-swap. What was stopped stays listed until it has been started again.

    It is on the response from the intent on: whether the stop was made, starting it again finds out.
    """

    workloads: Workloads
    owners: Owners
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the runbook's minute for the rollback, of which this is the beginning."""
        return looking.timing_of(self.catalogue, response).rollback

    def run(self, case: Case, now: datetime) -> Result:
        """Intend to stop the owner, unless it is stopped; one that has changed since is assessed again."""
        response = case.response
        service = looking.service_of(self.catalogue, response)
        interrupted = looking.interrupted(case, service, self.rails, now)
        if interrupted is not None:
            return interrupted
        workload = looking.must_read(self.workloads.read(response.workload), response)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        ownership = self.owners.look(workload)
        if ownership is None or ownership.obstacle or _is_another(ownership, response.ownership):
            return Done(response, "owner_changed", {"owner": str(ownership or "none")}, to=Step.ASSESS)
        stopped = Suspension(ownership.kind, ownership.namespace, ownership.name, ownership.before)
        response = replace(response, ownership=ownership)
        if not ownership.running:
            return _found(response, ownership)
        if response.suspended is not None and str(response.suspended) != str(stopped):
            detail = f"{response.suspended} was stopped, and now {stopped} manages it"
            return Stop(response, Outcome.REFUSED, Reason.MANAGED_BY_OWNER, detail)
        change = StopOwner(
            workload=response.workload,
            response_id=response.id,
            kind=ownership.kind,
            namespace=ownership.namespace,
            name=ownership.name,
            version=ownership.version,
            before=ownership.before,
        )
        facts: dict[str, Scalar] = {"owner": str(ownership), "companions": len(ownership.companions)}
        return Intend(
            replace(response, suspended=stopped),
            change,
            facts,
            claims=ownership.companions,
            notes=(ownership.ref(response.workload.cluster),),
        )

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Keep what was stopped, with what starts it again."""
        if not isinstance(change, StopOwner):
            raise PermanentError("something else than stopping an owner was done", reason=Reason.INTERNAL)
        stopped = Suspension(change.kind, change.namespace, change.name, change.before)
        facts: dict[str, Scalar] = {
            "owner": str(stopped),
            "kind": stopped.kind,
            "namespace": stopped.namespace,
            "name": stopped.name,
        }
        return Made(replace(case.response, suspended=stopped), "owner_stopped", facts)


def _found(response: Response, ownership: Ownership) -> Done:
    """Return what follows an owner that is stopped already: by us, when the answer was lost, or by others."""
    if ownership.stopped_by == response.id and response.suspended is not None:
        return Done(response, "owner_stopped", {"owner": str(response.suspended)})
    return Done(replace(response, suspended=None), "")


def _is_another(found: Ownership, known: Ownership | None) -> bool:
    return known is None or str(found) != str(known)
