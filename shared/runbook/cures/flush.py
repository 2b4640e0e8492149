"""Flush: empty the service's cache, and restart its pods where that is configured."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.changes import Change, FlushCache, RestartWorkload
from shared.domain.reasons import Reason
from shared.domain.response import Response, Step, Wanted
from shared.domain.services import Service
from shared.domain.steps import Intend, Made, Result
from shared.errors import PermanentError
from shared.ports import Workloads
from shared.runbook import looking, remedy


@dataclass(frozen=True)
class Flush:
    """First the cache, then the pods: the other way round they would fill it with what they had."""

    workloads: Workloads

    def budget(self, service: Service) -> float:
        """Return as long as a rollout is verified."""
        return service.timing.verify

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Intend the flush; after it the restart."""
        use = service.remedies.cache
        if use is None:
            raise PermanentError(f"{service.name} has no remedies.cache", reason=Reason.NO_REMEDY)
        if not response.halfway:
            change = FlushCache(
                workload=response.workload, response_id=response.id, cache=use.name, prefix=use.prefix
            )
            return Intend(response, change, {"cache": use.name, "prefix": use.prefix or "everything"})
        if not use.restart:
            return remedy.finished(_ended(response), "", {}, to=_next(response))
        workload = looking.must_read(self.workloads.read(response.workload), response)
        restart = RestartWorkload(
            workload=response.workload,
            response_id=response.id,
            generation=workload.generation,
            template_id=workload.template_id,
            at=response.step_started_at.isoformat(timespec="seconds"),
        )
        return Intend(response, restart, {"generation": workload.generation})

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        if isinstance(change, FlushCache):
            facts = {"cache": change.cache, "prefix": change.prefix or "everything"}
            return Made(replace(response, halfway="flushed"), "flushed", facts, to=Step.REMEDY)
        return Made(remedy.taken(_ended(response)), "restarted", {}, to=_next(response))


def _next(response: Response) -> Step:
    """Return the step after a flush; alerts that joined one that was ordered are the response's own then."""
    ordered = response.order is not None and response.order.wanted is Wanted.FLUSH
    return Step.ASSESS if ordered and looking.joined_firing(response) else Step.VERIFY


def _ended(response: Response) -> Response:
    ordered = response.order is not None and response.order.wanted is Wanted.FLUSH
    return replace(response, reason=Reason.FLUSHED) if ordered else response
