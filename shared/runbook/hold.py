"""Hold: the veto window of "rollback within 5 min". People were told; measuring goes on."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.changes import Scalar
from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.response import Response, Step, Word
from shared.domain.services import Catalogue, Service
from shared.domain.steps import Case, Done, Result, Wait
from shared.ports import Signals, Workloads
from shared.runbook import looking

SPARE = timedelta(minutes=1)


@dataclass(frozen=True)
class Hold:
    """Waits until the window ends or a more urgent row matches; acts only on what is still past.

    Where only other rows match by then, which scale first or want a person, it is assessed again. A person's
    ``now`` on exactly this change ends the window at once, and stands in for signals that cannot be had.
    """

    workloads: Workloads
    signals: Signals
    catalogue: Catalogue

    def budget(self, response: Response) -> float:
        """Return the window and a little more."""
        timing = looking.timing_of(self.catalogue, response)
        return timing.hold + timing.assess

    def run(self, case: Case, now: datetime) -> Result:
        """Look at the workload and the signals; go on, wait, ask or end."""
        response = case.response
        workload = self.workloads.read(response.workload)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        service = looking.service_of(self.catalogue, response, workload)
        live = looking.measured(self.signals, service, response)
        decision = looking.weighed(service, response, live)
        facts = looking.readings_of(decision)
        ends_at = held_until(response, service)
        hurry = response.heard.word("now", response.question)
        if decision.acts is Action.ROLLBACK_NOW and not decision.asks:
            urgent = replace(response, decision=decision)
            return Done(urgent, "more_urgent", {**facts, "severity": decision.severity})
        if decision.action is not Action.NONE:
            held = replace(response, below_since=None)
            if now < ends_at and hurry is None:
                return _again(held, service, now, ends_at)
            by_itself = decision.acts is Action.ROLLBACK_SOON and not decision.asks
            code, more = _over(hurry)
            return Done(held, code, {**facts, **more}, to=None if by_itself else Step.ASSESS)
        if not looking.unclear(response, decision, workload):
            return looking.recovered(response, service, live, now, facts)
        if hurry is not None:
            code, more = _over(hurry)
            return Done(replace(response, below_since=None), code, {**facts, **more})
        if now < ends_at:
            return _again(response, service, now, ends_at)
        plan = (Step.ASSESS, Step.APPROVE, Step.ROLLBACK, Step.VERIFY, Step.STABILISE)
        asked = replace(response, asks=(Reason.LIVE_UNKNOWN,), asked_at=now, plan=plan)
        return Done(asked, "unclear", facts, to=Step.APPROVE)


def held_until(response: Response, service: Service) -> datetime:
    """Return when the veto window ends: three minutes, but early enough to meet the deadline."""
    window_ends_at = response.step_started_at + timedelta(seconds=service.timing.hold)
    if response.deadline_at is None:
        return window_ends_at
    return min(window_ends_at, response.deadline_at - timedelta(seconds=service.timing.rollback) - SPARE)


def _over(hurry: Word | None) -> tuple[str, dict[str, Scalar]]:
    """Return how the window ended: by a person's word, or by itself."""
    return ("hurried", {"by": hurry.by, "reason": hurry.reason}) if hurry else ("hold_over", {})


def _again(response: Response, service: Service, now: datetime, ends_at: datetime) -> Wait:
    first = response.told != "holding"
    until = min(now + timedelta(seconds=service.timing.poll), ends_at)
    facts = {"until": ends_at.isoformat()}
    return Wait(replace(response, told="holding"), until, "holding" if first else "", facts)
