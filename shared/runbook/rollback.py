"""Rollback (runbook, step 2): put the chosen revision back, pinned, by compare-and-swap, once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.changes import (
    AbortRollout,
    Applied,
    Change,
    ClusterChange,
    RestoreRevision,
    RollBackByOwner,
    Scalar,
)
from shared.domain.guardrails import Rails
from shared.domain.reasons import Reason
from shared.domain.records import Restored, WorkloadRecord
from shared.domain.response import Choice, Outcome, Response, Rolled, Seen, Step
from shared.domain.services import Catalogue, Service
from shared.domain.steps import Case, Done, Intend, Made, Result, Stop
from shared.errors import PermanentError
from shared.ports import Workloads
from shared.runbook import looking

FRESH = timedelta(seconds=2)
"""How old assess's look may be to be used again; compare-and-swap makes an older one harmless, not right."""


MOST_ROUNDS = 3
"""How often an owner's history may move under us before the response is given up."""


@dataclass(frozen=True)
class Rollback:
    """Brings back the revision chosen by assess: its pod template, or what the owner itself goes back to."""

    workloads: Workloads
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the runbook's minute."""
        return looking.timing_of(self.catalogue, response).rollback

    def run(self, case: Case, now: datetime) -> Result:
        """Intend the change, unless it has been made, someone deployed, or a guardrail speaks now.

        After a delay everything is assessed again: the service may have recovered meanwhile.
        """
        response, choice = case.response, _chosen(case.response)
        service = looking.service_of(self.catalogue, response)
        interrupted = looking.interrupted(case, service, self.rails, now)
        if interrupted is not None:
            return interrupted
        if response.moved and response.target is not None:
            return self._again(response)
        if response.automatic and not self._room(case, now):
            return Done(response, "storm", {"limit": self.rails.storm_limit}, to=Step.ASSESS)
        seen = response.seen
        if seen is None or now - seen.at > FRESH or seen.template_id != choice.from_template_id:
            workload = looking.must_read(self.workloads.read(response.workload), response)
            gone = looking.superseded(response, workload)
            if gone is not None:
                return gone
            by_us = workload.marker == response.id
            in_steps = by_us and workload.stable_template_id != ""  # asked again: apply promotes what is ours
            if workload.template_id == choice.to_template_id and response.target is None and not in_steps:
                return self._found(case, service, by_us=by_us, now=now)
            seen = Seen(workload.generation, workload.template_id, now, workload.stable_template_id)
        facts: dict[str, Scalar] = {
            "from_revision": choice.from_number,
            "from_image": choice.from_image,
            "to_revision": choice.to_number,
            "to_image": choice.to_image,
            "generation": seen.generation,
        }
        if response.target is not None:
            facts["owner"] = response.target.told
        companions = response.ownership.companions if response.ownership and response.target else ()
        change = _change(response, choice, seen)
        notes = (response.ownership.ref(response.workload.cluster),) if response.ownership else ()
        token = response.automatic
        return Intend(response, change, facts, takes_token=token, claims=companions, notes=notes)

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Note the rollback on the response and on the workload's record."""
        service = looking.service_of(self.catalogue, case.response)
        by_us = True
        if applied is Applied.ALREADY and isinstance(change, RestoreRevision):
            workload = looking.must_read(self.workloads.read(case.response.workload), case.response)
            by_us = workload.marker == case.response.id
        done = self._found(case, service, by_us=by_us, now=now)
        return Made(done.response, done.code, done.facts, record=done.record)

    def _found(self, case: Case, service: Service, *, by_us: bool, now: datetime) -> Done:
        response, choice = case.response, _chosen(case.response)
        rolled = replace(response, rolled=Rolled(now, by_us))
        facts: dict[str, Scalar] = {
            "by_us": by_us,
            "to_revision": choice.to_number,
            "to_image": choice.to_image,
        }
        code = "rolled_back" if by_us else "found_rolled_back"
        record = restored(case.record, response, choice, service, now) if by_us else None
        return Done(rolled, code, facts, record=record)

    @staticmethod
    def _again(response: Response) -> Result:
        """Have everything assessed again: what the owner was to go back to is not what it was."""
        rounds = response.rounds + 1
        if rounds > MOST_ROUNDS:
            return Stop(
                response, Outcome.FAILED, Reason.WORLD_KEEPS_MOVING, "the owner's history keeps moving"
            )
        return Done(replace(response, rounds=rounds), "owner_changed", {"rounds": rounds}, to=Step.ASSESS)

    def _room(self, case: Case, now: datetime) -> bool:
        return case.storm.room(case.response.id, now, limit=self.rails.storm_limit, per=self.rails.storm_per)


def _change(response: Response, choice: Choice, seen: Seen) -> ClusterChange | RollBackByOwner:
    """Return the change: by the owner where it has a target; an Argo Rollout under way is aborted."""
    cause = f"backout {response.id}: revision {choice.from_number} back to {choice.to_number}"
    if response.target is not None and response.ownership is not None:
        return RollBackByOwner(
            workload=response.workload,
            response_id=response.id,
            kind=response.ownership.kind,
            namespace=response.ownership.namespace,
            name=response.ownership.name,
            target=response.target.id,
            seen=response.target.seen,
            cause=cause,
        )
    if seen.stable_template_id == choice.to_template_id:
        return AbortRollout(
            workload=response.workload,
            response_id=response.id,
            generation=seen.generation,
            from_template_id=choice.from_template_id,
            to_template_id=choice.to_template_id,
        )
    return RestoreRevision(
        workload=response.workload,
        response_id=response.id,
        generation=seen.generation,
        from_template_id=choice.from_template_id,
        to_template_id=choice.to_template_id,
        revision_name=choice.to_name,
        cause=cause,
    )


def restored(
    record: WorkloadRecord, response: Response, choice: Choice, service: Service, now: datetime
) -> WorkloadRecord:
    """Return the workload's record after the rollback: quarantine, cooldown, until when alerts are old."""
    settled_at = now + timedelta(seconds=service.timing.verify + response.window_seconds)
    made = Restored(response.id, now, settled_at, choice.from_template_id, choice.to_template_id)
    return record.rolled_back(made, cooldown_until=now + timedelta(seconds=service.timing.cooldown))


def _chosen(response: Response) -> Choice:
    if response.choice is None:
        raise PermanentError("no revision was chosen to go back to", reason=Reason.NO_CANDIDATE)
    return response.choice
