"""Verify (runbook, step 3): rollout complete, pods ready, image as intended, health endpoints answer."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import stuck
from shared.domain.reasons import Reason
from shared.domain.records import WorkloadRecord
from shared.domain.remedies import Remedy, WhenStuck
from shared.domain.response import Ending, Outcome, Response, Rolled, Step
from shared.domain.services import Catalogue, Service
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.domain.stuck import Cause
from shared.domain.workloads import RolloutState, Workload
from shared.ports import Health, Workloads
from shared.runbook import looking, remedy

STUCK = frozenset({Reason.ROLLOUT_TIMEOUT, Reason.ROLLOUT_FAILED})
"""Troubles that a remedy for a stuck rollout may help."""


@dataclass(frozen=True)
class Verify:
    """Looks at the rollout until it is complete and the service answers."""

    workloads: Workloads
    health: Health
    catalogue: Catalogue

    def budget(self, response: Response) -> float:
        """Return the runbook's three minutes."""
        return looking.timing_of(self.catalogue, response).verify

    def run(self, case: Case, now: datetime) -> Result:
        """Go on when all is well; end when the rollout failed or the time is up."""
        response = case.response
        workload = looking.must_read(self.workloads.read(response.workload), response)
        service = looking.service_of(self.catalogue, response, workload)
        gone = looking.superseded(response, workload)
        if gone is not None:
            return gone
        choice = response.choice
        behind = choice is not None and workload.template_id == choice.from_template_id
        if behind and response.target is None:
            detail = f"revision {workload.current.number} was deployed again"
            return Stop(response, Outcome.DISMISSED, Reason.SUPERSEDED, detail)
        together, others = self._companions(response)
        trouble = (
            (Reason.ROLLOUT_TIMEOUT, f"{response.ownership} has not brought the revision back yet")
            if behind
            else self._trouble(workload, service.health) or others
        )
        if trouble is None:
            found = response.rolled or (Rolled(now, by_us=False) if choice is not None else None)
            rolled = replace(found, completed_at=now) if found is not None else None
            facts = {
                "ready": f"{workload.ready_replicas}/{workload.replicas}",
                "image": workload.image,
                "health": f"{len(service.health)} answered" if service.health else "no endpoint configured",
            }
            record = _settled(case, now, service.timing.scrape)
            verified = replace(response, rolled=rolled, together=together)
            use = service.remedies.cache
            flushes = use is not None and use.after_rollback and response.acted
            if flushes and Remedy.FLUSH not in response.tried:
                verified = replace(verified, remedy=Remedy.FLUSH)
                return Done(verified, "verified", facts, to=Step.REMEDY, record=record)
            return Done(verified, "verified", facts, record=record)
        reason, detail = trouble
        ends_at = response.step_started_at + timedelta(seconds=service.timing.verify)
        over = reason is Reason.ROLLOUT_FAILED or now >= ends_at
        if reason in STUCK:
            helped = self._helped(response, service, (reason, detail), now, over=over)
            if helped is not None:
                return helped
        if over:
            return Stop(response, Outcome.FAILED, reason, detail)
        until = min(now + timedelta(seconds=min(service.timing.poll, 2.0)), ends_at)
        code = "" if response.told == detail else "verifying"
        return Wait(replace(response, told=detail), until, code, {"waiting_for": detail})

    def _helped(
        self,
        response: Response,
        service: Service,
        trouble: tuple[Reason, str],
        now: datetime,
        *,
        over: bool,
    ) -> Done | None:
        """Return what is done about a rollout that is stuck: first gently, then by force if a person allows.

        What cannot pass by itself (an ordered StatefulSet that waits for a broken pod) needs no waiting for.
        """
        can = service.remedies.stuck
        if can is WhenStuck.OFF or response.choice is None:
            return None
        workload = looking.must_read(self.workloads.read(response.workload, events=True), response)
        found = stuck.diagnosed(
            workload,
            now=now,
            to_template_id=response.choice.to_template_id,
            grace_seconds=stuck.grace(service.timing.verify),
        )
        if found is None or not (over or found.cause is Cause.ORDERED):
            return None
        facts = {"cause": found.cause.value, "told": found.told, "pods": len(found.broken)}
        if found.evictable and found.broken and Remedy.EVICT not in response.tried:
            return Done(replace(response, remedy=Remedy.EVICT), "stuck", facts, to=Step.REMEDY)
        forced = can is WhenStuck.FORCE and workload.ref.kind != "daemonset" and workload.replicas > 0
        forced = forced and response.capacity is None
        if not over or not forced or Remedy.FORCE in response.tried:
            return None
        end = Ending(Outcome.FAILED, trouble[0], found.told)
        return Done(remedy.offered(response, [Remedy.FORCE], end, now), "stuck", facts, to=Step.APPROVE)

    def _companions(self, response: Response) -> tuple[dict[str, str], tuple[Reason, str] | None]:
        """Return the templates that the owner's other workloads run now, and the first trouble with one."""
        found = {ref: self.workloads.read(ref) for ref in response.claims}
        there = {ref: workload for ref, workload in found.items() if workload is not None}
        troubles = ((ref, self._trouble(workload, ())) for ref, workload in there.items())
        first = next(((trouble[0], f"{ref}: {trouble[1]}") for ref, trouble in troubles if trouble), None)
        return {str(ref): workload.template_id for ref, workload in there.items()}, first

    def _trouble(self, workload: Workload, urls: tuple[str, ...]) -> tuple[Reason, str] | None:
        """Return the first thing that is not as it should be."""
        rollout = workload.rollout
        if rollout.state is RolloutState.FAILED:
            return Reason.ROLLOUT_FAILED, rollout.message
        if rollout.state is RolloutState.PROGRESSING:
            return Reason.ROLLOUT_TIMEOUT, rollout.message
        unready = [pod for pod in workload.pods if not pod.ready]
        if workload.ready_replicas < workload.replicas:
            waiting = ", ".join(sorted({p.waiting or p.phase for p in unready})) or "not ready"
            return (
                Reason.ROLLOUT_TIMEOUT,
                f"{workload.ready_replicas} of {workload.replicas} pods ready ({waiting})",
            )
        images = dict(workload.current.images)
        wrong = [
            p for p in workload.pods if p.ready and any(images.get(c, i) != i for c, i in p.images.items())
        ]
        if wrong:
            return Reason.WRONG_IMAGE, f"pod {wrong[0].name} runs {', '.join(wrong[0].images.values())}"
        for check in self.health.check(urls) if urls else ():
            if not check.ok:
                return Reason.HEALTH_FAILED, f"{check.url}: {check.detail}"
        return None


def _settled(case: Case, now: datetime, scrape_seconds: float) -> WorkloadRecord | None:
    """Return the record with the time up to which alerts are old news moved to what it really took."""
    restored = case.record.restored
    if restored is None or restored.response_id != case.response.id:
        return None
    settled_at = now + timedelta(seconds=case.response.window_seconds + 2 * scrape_seconds)
    return replace(case.record, restored=replace(restored, settled_at=settled_at))
