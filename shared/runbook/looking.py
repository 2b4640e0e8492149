"""Looking: what several steps do alike when they measure a service or read its workload."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain import decisions, guardrails, signals
from shared.domain.decisions import Decision, Verdict
from shared.domain.guardrails import Finding, Rails
from shared.domain.matrix import Action
from shared.domain.reasons import Reason
from shared.domain.remedies import Remedy
from shared.domain.response import Outcome, Response, Step, Wanted
from shared.domain.services import QUERYABLE, Catalogue, Service, Timing, annotated
from shared.domain.signals import Signal
from shared.domain.steps import Case, Done, Stop, Wait
from shared.domain.workloads import RolloutState, Workload
from shared.errors import PermanentError
from shared.ports import Measured, Signals

LOOK_AGAIN = timedelta(seconds=15)
"""When a response held back by something without an end looks again."""

WANTED = (*QUERYABLE, Signal.LATENCY_REGRESSION)


def service_of(catalogue: Catalogue, response: Response, workload: Workload | None = None) -> Service:
    """Return the response's service, with the workload's annotations when it has no entry of its own.

    Raises PermanentError when the configuration no longer has it or an annotation is not allowed.
    """
    service = catalogue.of(response.service, response.workload)
    if service is None:
        raise PermanentError(
            f"service {response.service} ({response.workload}) is no longer in the configuration",
            reason=Reason.UNKNOWN_SERVICE,
        )
    if workload is None:
        return service
    try:
        described = annotated(service, workload.annotations)
    except ValueError as error:
        raise PermanentError(f"workload {workload.ref}: {error}", reason=Reason.NOT_OPTED_IN) from error
    if described is None:
        raise PermanentError(
            f"workload {workload.ref} has no annotation backout.dev/mode", reason=Reason.NOT_OPTED_IN
        )
    return described


def without_order(response: Response) -> Response:
    """Return the response without an order that is not enough for the alerts which joined it.

    An alert meets the claim of an assessment or of a scaling and joins that. Once the order is carried out,
    the response is the alerts' own: it does not end as if nothing had been heard.
    """
    order = response.order
    if order is None or order.wanted is Wanted.ROLLBACK or not joined_firing(response):
        return response
    carried_out = {
        Wanted.ASSESS: True,
        Wanted.SCALE: response.scaled,
        Wanted.REVERT: response.reverted is not None,
        Wanted.FLUSH: Remedy.FLUSH in response.tried,
    }
    return replace(response, order=None, reason=None, detail="") if carried_out[order.wanted] else response


def joined_firing(response: Response) -> bool:
    """Return whether an alert that fires joined a response that something else began."""
    return any(alert.firing and alert.source != response.source for alert in response.heard.alerts)


def timing_of(catalogue: Catalogue, response: Response) -> Timing:
    """Return the service's timing, the built-in one when the configuration no longer has the service."""
    service = catalogue.of(response.service, response.workload)
    return service.timing if service is not None else Timing()


def measured(source: Signals, service: Service, response: Response) -> Measured:
    """Measure all that can be measured of a service now; nothing where it has no signal source."""
    if not service.measured:
        return Measured({}, signals.NOT_MEASURED)
    before = response.baseline.get(Signal.LATENCY_P95)
    return source.measure(service, WANTED, p95_before=before)


def weighed(service: Service, response: Response, live: Measured) -> Decision:
    """Decide on what is known now: live beats carried, and only the service's word may stand in for live.

    What has no query keeps the value that it came with, until its alerts have resolved; without a signal
    source the carried values count only where the service says `trust_alerts`.
    """
    carried = response.heard.carried
    if response.heard.all_resolved:
        carried = {}
    elif service.measured or not service.trust_alerts:
        carried = {s: r for s, r in carried.items() if s in signals.NEVER_QUERIED}
    return decisions.decide(service.matrix, signals.merged(carried, live.readings))


def relevant(response: Response, decision: Decision) -> tuple[decisions.RowVerdict, ...]:
    """Return the rows that the response is about: those of the signals it came with, or all with a query."""
    about = set(response.heard.carried) or set(QUERYABLE)
    return tuple(row for row in decision.rows if row.signal in about)


def unclear(response: Response, decision: Decision, workload: Workload | None = None) -> bool:
    """Return whether nothing matches and it cannot be said that all is well.

    Rows the response came with must all be known; one that came with none needs one known row. Of what no
    query measures the alerts alone tell, and once they have resolved it is well. Idle on pods that are not
    ready is unclear too: nobody can reach them.
    """
    if decision.action is not Action.NONE:
        return False
    rows = relevant(response, decision)
    if response.heard.all_resolved:
        rows = tuple(row for row in rows if row.reading != signals.NOT_MEASURED)
    unknown = [row for row in rows if row.verdict is Verdict.UNKNOWN]
    if unknown and (response.heard.carried or len(unknown) == len(rows)):
        return True
    idle = any(row.verdict is Verdict.IDLE for row in rows)
    return idle and workload is not None and workload.ready_replicas < workload.replicas


def longest_window(response: Response, live: Measured, service: Service) -> timedelta:
    """Return the longest window of what the response is about."""
    about = set(response.heard.carried) or set(QUERYABLE)
    seconds = max((w for s, w in live.windows.items() if s in about), default=service.timing.scrape)
    return timedelta(seconds=seconds)


def recovered(
    response: Response,
    service: Service,
    live: Measured,
    now: datetime,
    facts: Mapping[str, float | str | None],
) -> Stop | Wait:
    """Return what follows readings below threshold: dismissed after a full window of them, else look again.

    An alert that says it is resolved and a live reading that agrees need no further proof.
    """
    since = response.below_since or now
    if response.heard.all_resolved or now - since >= longest_window(response, live, service):
        return Stop(response, Outcome.DISMISSED, Reason.RECOVERED, facts=facts)
    waiting = replace(response, below_since=since)
    code = "below" if response.below_since is None else ""
    return Wait(waiting, now + timedelta(seconds=service.timing.poll), code, facts)


def readings_of(decision: Decision) -> dict[str, float | str | None]:
    """Return the readings of a decision as facts for the history: the number, or why there is none."""
    return {
        row.signal.value: row.reading.value if row.reading.value is not None else row.reading.kind.value
        for row in decision.rows
        if row.reading.why != signals.NOT_MEASURED.why
    }


def held_back(case: Case, service: Service, rails: Rails, now: datetime) -> Wait | None:
    """Return the wait that a freeze or maintenance window imposes before the next change, if any."""
    response = case.response
    service = replace(service, team=response.team or service.team)
    finding = guardrails.weightiest(guardrails.delays(service, rails, case.freezes, now))
    return delayed(response, finding, now) if finding is not None else None


def interrupted(case: Case, service: Service, rails: Rails, now: datetime) -> Wait | Done | None:
    """Return what comes before the next change: a wait, or, once what held it back is over, a look at all.

    The service may have recovered meanwhile, or someone deployed.
    """
    waiting = held_back(case, service, rails, now)
    if waiting is not None or case.response.delay is None:
        return waiting
    return Done(replace(case.response, delay=None), "", to=Step.ASSESS)


def delayed(response: Response, finding: Finding, now: datetime) -> Wait:
    """Return the wait that a guardrail imposes; the step's own time begins anew when it ends.

    A freeze may be lifted before its end, so it is looked at again soon.
    """
    until = finding.until or now + LOOK_AGAIN
    if finding.reason is Reason.FREEZE:
        until = min(until, now + LOOK_AGAIN)
    code = "delayed" if response.delay is not finding.reason else ""
    held = replace(response, delay=finding.reason, step_started_at=until)
    return Wait(held, until, code, {"reason": finding.reason.value, "detail": finding.detail})


def superseded(response: Response, workload: Workload | None) -> Stop | None:
    """Return the end when the template is neither what we came from nor what we go to: someone deployed."""
    choice = response.choice
    if workload is None:
        return Stop(response, Outcome.DISMISSED, Reason.SUPERSEDED, "the workload is gone")
    if choice is None or workload.template_id in (choice.from_template_id, choice.to_template_id):
        return None
    detail = f"revision {workload.current.number} ({workload.image}) was deployed"
    return Stop(response, Outcome.DISMISSED, Reason.SUPERSEDED, detail)


def is_whole(workload: Workload) -> bool:
    """Return whether the rollout is complete and every pod ready."""
    return workload.rollout.state is RolloutState.COMPLETE and workload.ready_replicas >= workload.replicas


def must_read(workload: Workload | None, response: Response) -> Workload:
    """Return the workload; raises PermanentError when the cluster has none such."""
    if workload is None:
        raise PermanentError(f"the cluster has no {response.workload}", reason=Reason.NOT_FOUND)
    return workload
