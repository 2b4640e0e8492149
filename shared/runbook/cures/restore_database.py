"""Restore the database to the time before the bad rollout, into a new instance, and watch it come up."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.changes import Change, RestoreDatabase
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Service
from shared.domain.steps import Done, Intend, Made, Result, Stop, Wait
from shared.ports import Databases, Workloads
from shared.runbook import looking, remedy

LOOK_AGAIN = timedelta(seconds=30)
EARLIER = timedelta(minutes=1)
"""How long before the bad rollout began the database is taken back to."""

_LONGEST_NAME = 63


@dataclass(frozen=True)
class RestoreInstance:
    """Never touches the instance in use. A person points the service at the new one, and says go on."""

    databases: Databases
    workloads: Workloads

    def budget(self, service: Service) -> float:
        """Return how long the restore may take, as configured."""
        return service.remedies.database_seconds

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Intend the restore; once it is under way, wait until the instance is available."""
        name = instance_name(response, service)
        found = self.databases.look(name)
        if found is None:
            return self._intended(response, service, name)
        facts = {"instance": name, "status": found.status, "endpoint": found.endpoint}
        if found.available:
            asking = replace(
                remedy.taken(response), asks=(Reason.DATABASE_RESTORED,), asked_at=now, detail=found.endpoint
            )
            return Done(asking, "database_restored", facts, to=Step.APPROVE)
        late = now - response.step_started_at >= timedelta(seconds=self.budget(service))
        if found.failed or late:
            detail = f"instance {name}: {found.status}" + (", not in time" if late else "")
            return Stop(response, Outcome.FAILED, Reason.REMEDY_FAILED, detail, facts)
        return Wait(response, now + LOOK_AGAIN)

    def _intended(self, response: Response, service: Service, name: str) -> Result:
        workload = looking.must_read(self.workloads.read(response.workload), response)
        began_at, latest = workload.rollout_began_at, self.databases.latest(service.remedies.database)
        at = min(began_at - EARLIER, latest) if began_at is not None else latest
        change = RestoreDatabase(
            workload=response.workload,
            response_id=response.id,
            instance=service.remedies.database,
            to_instance=name,
            at=at.isoformat(),
        )
        return Intend(response, change, {"instance": change.instance, "to": name, "at": change.at})

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        at = change.at if isinstance(change, RestoreDatabase) else ""
        return Made(response, "restore_started", {"at": at}, to=Step.REMEDY)


def instance_name(response: Response, service: Service) -> str:
    """Return the new instance's name: the same for the same response, and no other's."""
    kept = _LONGEST_NAME - len(response.id) - 1
    return f"{service.remedies.database[:kept].rstrip('-')}-{response.id}".lower()
