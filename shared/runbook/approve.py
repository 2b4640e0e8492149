"""Approve: wait for a person's word. A yes is bound to (from, to); everything is assessed again after it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.ports import Signals, Workloads
from shared.runbook import looking

LOOK_EVERY = timedelta(seconds=30)


@dataclass(frozen=True)
class Approve:
    """Waits; meanwhile it watches whether the question still stands. Silence never acts."""

    workloads: Workloads
    signals: Signals
    catalogue: Catalogue

    def budget(self, response: Response) -> float:
        """Return the time to answer: faults of the outside do not end the question before it."""
        return looking.timing_of(self.catalogue, response).approve

    def run(self, case: Case, now: datetime) -> Result:
        """Return to assess on a yes; end when the question has expired or no longer stands."""
        response = case.response
        yes = response.approved
        if yes is not None:
            facts = {"by": yes.by, "reason": yes.reason, "question": response.question}
            return Done(response, "approved", facts, to=Step.ASSESS)
        service = looking.service_of(self.catalogue, response)
        expires_at = response.step_started_at + timedelta(seconds=service.timing.approve)
        if now >= expires_at:
            return Stop(response, Outcome.REFUSED, Reason.APPROVAL_EXPIRED, "nobody answered")
        workload = self.workloads.read(response.workload)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        live = looking.measured(self.signals, service, response)
        decision = looking.weighed(service, response, live)
        clear = decision.action is Action.NONE and not looking.unclear(response, decision, workload)
        if response.order is None and clear:
            result = looking.recovered(response, service, live, now, looking.readings_of(decision))
            return (
                replace(result, until=min(result.until, expires_at)) if isinstance(result, Wait) else result
            )
        first = response.told != "asked"
        asking = replace(response, told="asked", below_since=None)
        facts = {"asks": ", ".join(response.asks), "expires_at": expires_at.isoformat()}
        return Wait(asking, min(now + LOOK_EVERY, expires_at), "asked" if first else "", facts)
