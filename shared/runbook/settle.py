"""Settle: let added capacity take effect, then see whether it was enough."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step, Wanted
from shared.domain.services import Catalogue, Service
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.domain.workloads import RolloutState, Workload
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
        workload = looking.must_read(self.workloads.read(response.workload), response)
        service = looking.service_of(self.catalogue, response, workload)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        ends_at = response.step_started_at + timedelta(seconds=service.timing.settle)
        ready = workload.rollout.state is RolloutState.COMPLETE
        if response.order is not None and response.order.wanted is Wanted.SCALE:
            return _ordered(response, service, workload, ends_at, now)
        live = looking.measured(self.signals, service, response)
        decision = looking.weighed(service, response, live)
        facts = looking.readings_of(decision)
        if decision.acts is Action.ROLLBACK_NOW and not decision.asks:
            return Done(response, "more_urgent", facts, to=Step.ASSESS)
        again = Wait(response, min(now + timedelta(seconds=service.timing.poll), ends_at))
        too_early_until = response.step_started_at + timedelta(
            seconds=live.longest_window + 2 * service.timing.scrape
        )
        if (not ready or now < too_early_until) and now < ends_at:
            return again
        clear = decision.action is Action.NONE and not looking.unclear(response, decision, workload)
        if clear:
            enough = replace(response, reason=Reason.SCALED)
            return Done(enough, "settled", facts, to=Step.STABILISE)
        if now < ends_at:
            return again
        return Done(response, "not_settled", facts, to=Step.ASSESS)


def _ordered(
    response: Response, service: Service, workload: Workload, ends_at: datetime, now: datetime
) -> Result:
    """Return what follows capacity that a person ordered: its pods are all that is waited for."""
    if workload.rollout.state is not RolloutState.COMPLETE:
        if now >= ends_at:
            return Stop(response, Outcome.FAILED, Reason.ROLLOUT_TIMEOUT, workload.rollout.message)
        return Wait(response, min(now + timedelta(seconds=service.timing.poll), ends_at))
    if looking.joined_firing(response):
        return Done(response, "", to=Step.ASSESS)
    return Stop(response, Outcome.COMPLETED, Reason.SCALED, f"{workload.replicas} replicas")
