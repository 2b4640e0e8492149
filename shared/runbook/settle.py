"""Settle: let added capacity take effect, then see whether it was enough."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step, Wanted
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.domain.workloads import RolloutState
from shared.ports import Signals, Workloads
from shared.runbook import looking


@dataclass(frozen=True)
class Settle:
    """Waits for the pods and a full window of readings; enough is watched, not enough is rolled back."""

    workloads: Workloads
    signals: Signals
    catalogue: Catalogue

    def budget(self, response: Response) -> float:
        """Return the runbook's three minutes."""
        return looking.timing_of(self.catalogue, response).settle

    def run(self, case: Case, now: datetime) -> Result:
        """Judge no sooner than a window and two scrapes after the capacity was there."""
        response = case.response
        service = looking.service_of(self.catalogue, response)
        workload = looking.must_read(self.workloads.read(response.workload), response)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        ends_at = response.step_started_at + timedelta(seconds=service.timing.settle)
        ready = workload.rollout.state is RolloutState.COMPLETE
        ordered = response.order is not None and response.order.wanted is Wanted.SCALE
        if ordered:
            if ready:
                return Stop(response, Outcome.COMPLETED, Reason.SCALED, f"{workload.replicas} replicas")
            if now >= ends_at:
                return Stop(response, Outcome.FAILED, Reason.ROLLOUT_TIMEOUT, workload.rollout.message)
        live = looking.measured(self.signals, service, response)
        decision = looking.weighed(service, response, live)
        facts = looking.readings_of(decision)
        again = Wait(response, min(now + timedelta(seconds=service.timing.poll), max(ends_at, now)))
        too_early_until = response.step_started_at + timedelta(
            seconds=live.longest_window + 2 * service.timing.scrape
        )
        if (not ready or now < too_early_until) and now < ends_at:
            return again
        clear = decision.action is Action.NONE and not looking.unclear(response, decision, workload)
        if clear and not ordered:
            enough = replace(response, reason=Reason.SCALED)
            return Done(enough, "settled", facts, to=Step.STABILISE)
        if now < ends_at:
            return again
        return Done(response, "not_settled", facts, to=Step.ASSESS)
