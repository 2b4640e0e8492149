"""Approve: wait for a person's word. A yes is bound to (from, to); everything is assessed again after it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import remedies
from shared.domain.changes import Scalar
from shared.domain.decisions import Decision
from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.remedies import Remedy
from shared.domain.response import Ending, Outcome, Response, Step, Word
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.ports import Signals, Workloads
from shared.runbook import looking

LOOK_EVERY = timedelta(seconds=30)

ANSWERED_BY_SIGNALS = frozenset({Reason.LIVE_UNKNOWN, Reason.ROW_ASKS})
"""Questions that fall away when a row that needs nobody's word matches live."""


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
        if response.offers:
            return self._offering(response, yes, now)
        if yes is not None:
            facts = {"by": yes.by, "reason": yes.reason, "question": response.question}
            return Done(response, "approved", facts, to=Step.ASSESS)
        timing = looking.timing_of(self.catalogue, response)
        expires_at = response.step_started_at + timedelta(seconds=timing.approve)
        if now >= expires_at:
            return Stop(response, Outcome.REFUSED, Reason.APPROVAL_EXPIRED, "nobody answered")
        if Reason.DATABASE_RESTORED in response.asks:
            return self._asking(response, expires_at, now)
        workload = self.workloads.read(response.workload)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        service = looking.service_of(self.catalogue, response, workload)
        live = looking.measured(self.signals, service, response)
        decision = looking.weighed(service, response, live)
        well = decision.action is Action.NONE and not looking.unclear(response, decision, workload)
        if response.order is None and well:
            result = looking.recovered(response, service, live, now, looking.readings_of(decision))
            return (
                replace(result, until=min(result.until, expires_at)) if isinstance(result, Wait) else result
            )
        if response.order is None and ANSWERED_BY_SIGNALS.issuperset(response.asks) and _justified(decision):
            return Done(response, "", to=Step.ASSESS)
        return self._asking(replace(response, below_since=None), expires_at, now)

    def _offering(self, response: Response, yes: Word | None, now: datetime) -> Result:
        """Wait until a person allows one of the remedies; silence takes none, and is the end it would be."""
        if yes is not None:
            remedy = next(r for r in response.offers if remedies.question(r) == yes.question)
            facts = {"by": yes.by, "reason": yes.reason, "question": yes.question}
            return Done(replace(response, remedy=remedy), "approved", facts, to=Step.REMEDY)
        workload = looking.must_read(self.workloads.read(response.workload), response)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        if Remedy.FORCE in response.offers and looking.is_whole(workload):
            whole = replace(response, offers=(), otherwise=None, asks=())
            return Done(whole, "not_stuck", to=Step.VERIFY)
        expires_at = response.step_started_at + timedelta(
            seconds=looking.timing_of(self.catalogue, response).approve
        )
        if now >= expires_at:
            end = response.otherwise or Ending(Outcome.REFUSED, Reason.APPROVAL_EXPIRED)
            detail = f"{end.detail}; nobody answered" if end.detail else "nobody answered"
            return Stop(response, end.outcome, end.reason, detail)
        return self._asking(response, expires_at, now)

    def _asking(self, response: Response, expires_at: datetime, now: datetime) -> Wait:
        first = response.told != "asked"
        facts: dict[str, Scalar] = {
            "asks": ", ".join(response.asks),
            "expires_at": expires_at.isoformat(),
            "offers": ", ".join(response.offers),
            "because": response.otherwise.detail if response.otherwise else response.detail,
        }
        asking = replace(response, told="asked")
        return Wait(asking, min(now + LOOK_EVERY, expires_at), "asked" if first else "", facts)


def _justified(decision: Decision) -> bool:
    """Return whether the signals justify acting by themselves."""
    return decision.action is not Action.NONE and not decision.asks
