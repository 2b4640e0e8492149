"""Assess (runbook, step 1): look at everything, decide again, choose the revision, ask every guardrail."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import decisions, guardrails, plans, reverts, revisions, signals
from shared.domain.decisions import Decision
from shared.domain.guardrails import Effect, Finding, Rails
from shared.domain.matrix import Action
from shared.domain.owners import Ownership
from shared.domain.reasons import Reason
from shared.domain.remedies import LIFT_SCHEMA, Remedy
from shared.domain.response import Choice, Ending, Outcome, Response, Seen, Step, Wanted
from shared.domain.revisions import Health, Pick
from shared.domain.services import QUERYABLE, Catalogue, Mode, Service
from shared.domain.signals import Reading, Signal
from shared.domain.steps import Case, Done, Facts, Result, Stop, Wait
from shared.domain.workloads import Workload
from shared.ports import Measured, Owners, Signals, Workloads
from shared.runbook import looking, remedy

ANSWERED_BY_ORDER = frozenset(
    {Reason.MODE_APPROVE, Reason.ROW_ASKS, Reason.LIVE_UNKNOWN, Reason.CANDIDATE_UNKNOWN}
)
"""Questions that a person's order is the answer to; the others it must override by name."""

_TOGETHER = ThreadPoolExecutor(max_workers=16, thread_name_prefix="assess")


@dataclass(frozen=True)
class _Look:
    """One look at everything."""

    workload: Workload
    service: Service
    live: Measured
    decision: Decision
    ownership: Ownership | None


@dataclass(frozen=True)
class _Lived:
    """How it was when a revision last ran, and two windows before; empty where nobody can tell."""

    last: dict[Signal, Reading]
    earlier: dict[Signal, Reading]


@dataclass(frozen=True)
class Assess:
    """Reads the cluster and the signals side by side; touches nothing."""

    workloads: Workloads
    owners: Owners
    signals: Signals
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the runbook's two minutes."""
        return looking.timing_of(self.catalogue, response).assess

    def run(self, case: Case, now: datetime) -> Result:
        """Decide, or wait for what is not known yet, or end."""
        response = looking.without_order(case.response)
        case = replace(case, response=response)
        service = looking.service_of(self.catalogue, response)
        early = self._before_looking(case, service, now)
        if early is not None:
            return early
        looked = self._look(response, service)
        if isinstance(looked, Stop):
            return looked
        response = replace(response, mode=looked.service.mode, team=looked.service.team, delay=None)
        if looked.service.mode is Mode.OBSERVE:
            return Stop(response, Outcome.REFUSED, Reason.MODE_OBSERVE, looked.service.name)
        wanted = response.order.wanted if response.order else None
        if wanted is Wanted.REVERT:
            return self._reverting(case, response, looked, now)
        if wanted is Wanted.FLUSH:
            flushing = replace(response, decision=looked.decision, remedy=Remedy.FLUSH)
            facts = _facts(flushing, looked, looked.decision)
            return self._planned(
                flushing, looked, looked.decision, found=(), wanted=wanted, facts=facts, now=now
            )
        if response.order is None:
            idle = self._nothing_to_do(response, looked, now)
            if idle is not None:
                return idle
        return self._decide(replace(case, response=replace(response, below_since=None)), looked, now)

    def _before_looking(self, case: Case, service: Service, now: datetime) -> Result | None:
        found = guardrails.known_before(service, self.rails, case.freezes, now)
        finding = guardrails.weightiest(found)
        if finding is None:
            return None
        if finding.effect is Effect.REFUSE:
            return Stop(case.response, Outcome.REFUSED, finding.reason, finding.detail)
        return looking.delayed(case.response, finding, now)

    def _look(self, response: Response, service: Service) -> _Look | Stop:
        """Read the cluster and measure, side by side: neither waits for the other."""
        measuring = _TOGETHER.submit(looking.measured, self.signals, service, response)
        workload = self.workloads.read(response.workload, usage=True)
        live = measuring.result()
        if workload is None:
            return Stop(response, Outcome.REFUSED, Reason.NOT_FOUND, str(response.workload))
        described = looking.service_of(self.catalogue, response, workload)
        if described.discovered and described != service:
            live = looking.measured(self.signals, described, response)
        ownership = self.owners.look(workload) if workload.owner is not None else None
        return _Look(workload, described, live, looking.weighed(described, response, live), ownership)

    def _nothing_to_do(self, response: Response, looked: _Look, now: datetime) -> Result | None:
        """Return what follows when no row matches live: look again, dismiss, or None to go on and ask.

        A yes was given knowing what was not known; it is not made to wait for what may never be.
        """
        decision, service = looked.decision, looked.service
        if decision.action is not Action.NONE or self._needs_the_past(response, looked):
            return None
        if not looking.unclear(response, decision, looked.workload):
            facts = looking.readings_of(decision)
            return looking.recovered(replace(response, decision=decision), service, looked.live, now, facts)
        spent = now - response.step_started_at
        answered = response.approved is not None
        if service.measured and not answered and spent < timedelta(seconds=service.timing.assess):
            code = "" if response.told == "unclear" else "unclear"
            waiting = replace(response, told="unclear", below_since=None)
            until = now + timedelta(seconds=service.timing.poll)
            return Wait(waiting, until, code, looking.readings_of(decision))
        return None

    def _needs_the_past(self, response: Response, looked: _Look) -> bool:
        """Return whether a regression may be all that matches, and only the time before is left to tell."""
        regression, p95 = Signal.LATENCY_REGRESSION, looked.live.readings.get(Signal.LATENCY_P95)
        computed = regression in response.heard.carried and regression not in looked.service.queries
        return computed and p95 is not None and p95.is_number and not response.baseline

    def _decide(self, case: Case, looked: _Look, now: datetime) -> Result:
        response = case.response
        pick, baseline = self._pick(case, looked)
        response = replace(response, baseline=baseline or response.baseline)
        decision, unknown = self._decided(response, looked)
        if decision.action is Action.NONE and response.order is None:
            return looking.recovered(
                replace(response, decision=decision), looked.service, looked.live, now, {}
            )
        wanted = response.order.wanted if response.order else None
        scales_first = decision.acts is Action.SCALE_THEN_ROLLBACK and not response.scaled
        rolls_back = wanted is Wanted.ROLLBACK or (wanted is None and not scales_first)
        choice = _choice(looked.workload, pick)
        response = replace(response, decision=decision, choice=choice, ownership=looked.ownership)
        found = self._findings(case, looked, pick, decision, rolls_back=rolls_back, unknown=unknown, now=now)
        if choice is not None and rolls_back:
            response = _originating(response, looked)
            response, short = self._targeted(response, looked, pick)
            found += short
        found = guardrails.without(found, response.order.override if response.order else ())
        finding = guardrails.weightiest(found)
        facts = _facts(response, looked, decision)
        if finding is not None and wanted is not Wanted.ASSESS:
            if finding.effect is Effect.REFUSE:
                offers = looked.service.remedies.for_schema if finding.reason is Reason.SCHEMA else ()
                later = guardrails.weightiest([f for f in found if f.effect is Effect.DELAY])
                if offers and later is not None:
                    return looking.delayed(response, later, now)
                return _refused(response, finding, offers, facts, now)
            if finding.effect is Effect.DELAY:
                return looking.delayed(response, finding, now)
        return self._planned(response, looked, decision, found=found, wanted=wanted, facts=facts, now=now)

    def _planned(
        self,
        response: Response,
        looked: _Look,
        decision: Decision,
        *,
        found: Sequence[Finding],
        wanted: Wanted | None,
        facts: dict[str, str | int | float | None],
        now: datetime,
    ) -> Result:
        answered = ANSWERED_BY_ORDER if response.order or LIFT_SCHEMA & set(response.tried) else frozenset()
        asks = tuple(dict.fromkeys(f.reason for f in found if f.reason not in answered))
        stops = looked.ownership is not None
        plan = plans.plan(
            decision.acts,
            asks=bool(asks or response.approved),
            wanted=wanted,
            scaled=response.scaled,
            stops=stops,
        )
        if response.approved is not None:
            asks, plan = (), tuple(step for step in plan if step is not Step.APPROVE)
        deadline = decision.deadline_seconds
        response = replace(
            response,
            plan=plan,
            asks=asks,
            asked_at=now if asks else None,
            window_seconds=looked.live.longest_window or response.window_seconds,
            seen=Seen(
                looked.workload.generation,
                looked.workload.template_id,
                now,
                looked.workload.stable_template_id,
            ),
            deadline_at=response.started_at + timedelta(seconds=deadline) if deadline is not None else None,
            reason=Reason.ASSESSED if wanted is Wanted.ASSESS else None,
        )
        details = "; ".join(f.detail for f in found if f.detail and f.reason in asks)
        facts = {**facts, "plan": ", ".join(plan), "asks": ", ".join(asks), "asks_because": details}
        return Done(response, "assessed", facts)

    def _decided(self, response: Response, looked: _Look) -> tuple[Decision, bool]:
        """Return the decision with the regression in it, and whether it rests on what is not known live.

        Where nothing could be measured, what the alert carried is put to a person, never acted on.
        """
        live = looked.live
        p95, before = live.readings.get(Signal.LATENCY_P95), response.baseline.get(Signal.LATENCY_P95)
        own = Signal.LATENCY_REGRESSION in looked.service.queries
        if p95 is not None and before is not None and not own:
            readings = {**live.readings, Signal.LATENCY_REGRESSION: signals.regression(p95, before)}
            live = replace(live, readings=readings)
        decision = looking.weighed(looked.service, response, live)
        if decision.action is not Action.NONE or not looking.unclear(response, decision, looked.workload):
            return decision, False
        carried = decisions.decide(looked.service.matrix, response.heard.carried)
        action = carried.action if carried.action is not Action.NONE else Action.ROLLBACK_NOW
        return replace(decision, action=action, severity=carried.severity, score=carried.score), True

    def _pick(self, case: Case, looked: _Look) -> tuple[Pick, dict[Signal, Reading]]:
        """Choose the revision, measuring how candidates did in the time before their successor came.

        Returns the baseline too, by which degradation is told: what the chosen one read then, or, where
        that was not looked at, the readings before the current rollout.
        """
        workload, record, order = looked.workload, case.record, case.response.order
        newest = self._lived(workload.rollout_began_at, looked)
        if order is not None and order.to_revision is not None:
            return revisions.named(workload, order.to_revision), newest.last
        found = revisions.candidates(workload, record.quarantined)
        health: dict[str, Health] = {}
        lived: dict[str, _Lived] = {}
        while True:
            pick = revisions.choose(found, health=health, known_good=record.known_good)
            if pick.look_at is None:
                chosen = pick.revision.template_id if pick.revision else ""
                return pick, lived.get(chosen, newest).last
            until, id_ = pick.look_at.ran_until, pick.look_at.revision.template_id
            lived[id_] = newest if until == workload.rollout_began_at else self._lived(until, looked)
            health[id_] = _health(lived[id_], looked)

    def _lived(self, until: datetime | None, looked: _Look) -> _Lived:
        """Measure how it was at a time in the past and two windows before, side by side."""
        if until is None or not looked.service.measured:
            return _Lived({}, {})
        window = timedelta(seconds=looked.live.longest_window or looked.service.timing.scrape)
        earlier = _TOGETHER.submit(self._read_at, until - 2 * window, looked.service)
        return _Lived(self._read_at(until, looked.service), earlier.result())

    def _read_at(self, at: datetime, service: Service) -> dict[Signal, Reading]:
        """Measure a past moment; without its traffic known to be enough, it says nothing of requests."""
        past = self.signals.measure(service, QUERYABLE, at=at)
        if past.traffic_per_minute.is_number or not service.min_requests_per_minute:
            return dict(past.readings)
        nothing = Reading.unknown("the traffic at that time is not known")
        return {s: nothing if s in signals.NEEDS_TRAFFIC else r for s, r in past.readings.items()}

    def _findings(
        self,
        case: Case,
        looked: _Look,
        pick: Pick,
        decision: Decision,
        *,
        rolls_back: bool,
        unknown: bool,
        now: datetime,
    ) -> list[Finding]:
        response, workload, service = case.response, looked.workload, looked.service
        found = guardrails.of_world(
            service, workload, case.record, now, rolls_back=rolls_back, ownership=looked.ownership
        )
        if rolls_back and pick.revision is None:
            named = response.order.to_revision if response.order else None
            detail = (
                f"no revision {named} in the history" if named else "no other healthy revision in the history"
            )
            found.append(Finding(Effect.REFUSE, Reason.NO_CANDIDATE, detail))
        if rolls_back and pick.revision is not None:
            candidate = guardrails.of_candidate(
                workload.current, pick.revision, sure=pick.sure, at_least=service.schema_at_least
            )
            lifted = bool(LIFT_SCHEMA & set(response.tried))
            found += [f for f in candidate if not (lifted and f.reason is Reason.SCHEMA)]
        if rolls_back and self._stormy(case, now):
            found.append(Finding(Effect.ASK, Reason.STORM, f"more than {self.rails.storm_limit} at once"))
        if unknown:
            found.append(Finding(Effect.ASK, Reason.LIVE_UNKNOWN))
        if decision.asks:
            found.append(Finding(Effect.ASK, Reason.ROW_ASKS))
        if service.mode is Mode.APPROVE:
            found.append(Finding(Effect.ASK, Reason.MODE_APPROVE))
        return found

    def _targeted(
        self, response: Response, looked: _Look, pick: Pick
    ) -> tuple[Response, tuple[Finding, ...]]:
        """Return the response with what the owner is to go back to, and a refusal where it has nothing.

        An owner with an obstacle is not asked.
        """
        ownership, to = looked.ownership, pick.revision
        if ownership is None or to is None or ownership.obstacle or not ownership.by_owner:
            return replace(response, target=None), ()
        target = self.owners.target(looked.workload, ownership, to)
        if target is not None or ownership.or_template:
            return replace(response, target=target), ()
        why = f"{ownership}: its history holds nothing that brings revision {to.number} back"
        return replace(response, target=None), (Finding(Effect.REFUSE, Reason.MANAGED_BY_OWNER, why),)

    def _reverting(self, case: Case, response: Response, looked: _Look, now: datetime) -> Result:
        """Return the plan of a revert that was ordered: no workload is touched, so its owner is no obstacle.

        Where a rollback restored what runs, neither owner nor template names the bad commit: a person must.
        """
        decision = looked.decision
        response = replace(response, decision=decision, ownership=looked.ownership)
        response = _originating(response, looked)
        restored = case.record.restored
        rolled_back = restored is not None and restored.to_template_id == looked.workload.template_id
        if rolled_back and response.order is not None and not response.order.commit:
            response = replace(response, origin=replace(response.origin, commit=""))
        source = response.origin
        facts = _facts(response, looked, decision)
        facts |= {"repository": source.repository, "commit": source.commit}
        return self._planned(response, looked, decision, found=(), wanted=Wanted.REVERT, facts=facts, now=now)

    def _stormy(self, case: Case, now: datetime) -> bool:
        room = case.storm.room(case.response.id, now, limit=self.rails.storm_limit, per=self.rails.storm_per)
        return not room or case.response.rank >= self.rails.storm_limit


def _refused(
    response: Response, finding: Finding, offers: Sequence[Remedy], facts: Facts, now: datetime
) -> Result:
    """Refuse; or put to a person what would lift the refusal, which stands if nobody allows that."""
    end = Ending(Outcome.REFUSED, finding.reason, finding.detail)
    if not offers:
        return Stop(response, end.outcome, end.reason, end.detail, facts)
    asking = remedy.offered(response, offers, end, now)
    plan = (Step.ASSESS, Step.APPROVE, Step.REMEDY)
    return Done(replace(asking, plan=plan), "assessed", {**facts, "asks": ", ".join(asking.asks)})


def _originating(response: Response, looked: _Look) -> Response:
    built_from = looked.workload.current.commit
    origin = reverts.origin(looked.service, response, built_from=built_from)
    return replace(response, origin=origin, bad_since=looked.workload.rollout_began_at)


def _choice(workload: Workload, pick: Pick) -> Choice | None:
    if pick.revision is None:
        return None
    current = workload.current
    return Choice(
        from_template_id=workload.template_id,
        from_number=current.number,
        from_image=workload.image,
        to_template_id=pick.revision.template_id,
        to_number=pick.revision.number,
        to_name=pick.revision.name,
        to_image=", ".join(pick.revision.images.values()),
        why=pick.why,
    )


def _facts(response: Response, looked: _Look, decision: Decision) -> dict[str, str | int | float | None]:
    workload, choice = looked.workload, response.choice
    ready = f"{workload.ready_replicas}/{workload.replicas}"
    began_at = workload.rollout_began_at
    facts: dict[str, str | int | float | None] = {
        "action": decision.action.value,
        "severity": decision.severity.value if decision.severity else None,
        "matched": ", ".join(row.row for row in decision.matched),
        "image": workload.image,
        "revision": workload.current.number,
        "ready": ready,
        "rolled_out_at": began_at.isoformat() if began_at else None,
        **looking.readings_of(decision),
    }
    if workload.owner is not None:
        facts["owner"] = f"{workload.owner.kind} {workload.owner.name}"
    if looked.ownership is not None:
        facts["owner_stopped_first"] = looked.ownership.running
        if looked.ownership.note:
            facts["owner_note"] = looked.ownership.note
    waiting = sorted({pod.waiting for pod in workload.pods if pod.waiting})
    if waiting:
        facts["pods"] = ", ".join(waiting)
    usage = [pod for pod in workload.pods if pod.memory_bytes is not None]
    if usage:
        facts["memory_bytes"] = sum(pod.memory_bytes or 0 for pod in usage)
        facts["cpu_cores"] = round(sum(pod.cpu_cores or 0 for pod in usage), 3)
    if choice is not None:
        facts |= {"to_revision": choice.to_number, "to_image": choice.to_image, "to_because": choice.why}
    return facts


def _health(lived: _Lived, looked: _Look) -> Health:
    """Judge a revision by how it was: breached at either time, or healthy in all that matters now."""
    if any(
        decisions.decide(looked.service.matrix, readings).matched for readings in (lived.last, lived.earlier)
    ):
        return Health.BREACHED
    matched = {row.signal for row in looked.decision.matched} & set(QUERYABLE) or {Signal.ERROR_RATE}
    known = all(lived.last.get(signal, signals.NOT_MEASURED).is_number for signal in matched)
    return Health.HEALTHY if known else Health.UNKNOWN
