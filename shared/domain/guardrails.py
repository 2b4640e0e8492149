"""Guardrails: rules that refuse, delay or ask, each with a reason.

What time lifts delays; what time does not lift refuses; where a person may know better, it asks. They are
pure functions of what the caller has read, so the same rules serve accept (what the table and the
configuration know) and assess (what the world knows).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.owners import Ownership
from shared.domain.reasons import OVERRIDABLE, Reason
from shared.domain.records import Freezes, WorkloadRecord
from shared.domain.response import Outcome
from shared.domain.revisions import schema_fits
from shared.domain.services import MaintenanceWindow, Mode, Service
from shared.domain.workloads import KINDS, Revision, Workload


class Effect(StrEnum):
    """What a guardrail does, the weightiest first."""

    REFUSE = "refuse"
    DELAY = "delay"
    ASK = "ask"


@dataclass(frozen=True)
class Finding:
    """A guardrail that speaks. `until` is when a delay ends, None when nobody knows (a freeze)."""

    effect: Effect
    reason: Reason
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Rails:
    """The guardrails' settings for the installation. No namespace is allowed that is not named."""

    namespaces: tuple[str, ...] = ()
    storm_limit: int = 3
    storm_per: timedelta = timedelta(minutes=10)
    maintenance: tuple[MaintenanceWindow, ...] = field(default=())


def known_before(service: Service, rails: Rails, freezes: Freezes, now: datetime) -> list[Finding]:
    """Return what the configuration and the table say, before the world is looked at."""
    ref = service.workload
    found = []
    if ref.namespace not in rails.namespaces:
        found.append(Finding(Effect.REFUSE, Reason.NAMESPACE_NOT_ALLOWED, ref.namespace))
    if ref.kind not in KINDS:
        found.append(Finding(Effect.REFUSE, Reason.KIND_NOT_SUPPORTED, ref.kind))
    if service.mode is Mode.OBSERVE and not service.discovered:
        found.append(Finding(Effect.REFUSE, Reason.MODE_OBSERVE, service.name))
    return found + delays(service, rails, freezes, now)


def delays(service: Service, rails: Rails, freezes: Freezes, now: datetime) -> list[Finding]:
    """Return the freeze and the maintenance window that hold a service back now."""
    found = []
    namespace = service.workload.namespace
    frozen = freezes.holding(now, namespace=namespace, team=service.team)
    if frozen is not None:
        scope, freeze = frozen
        found.append(
            Finding(Effect.DELAY, Reason.FREEZE, f"{scope}, by {freeze.by}: {freeze.reason}", freeze.until)
        )
    closes = [c for w in rails.maintenance if (c := w.closes_at(now, namespace)) is not None]
    if closes:
        found.append(Finding(Effect.DELAY, Reason.MAINTENANCE_WINDOW, "", max(closes)))
    return found


def of_world(
    service: Service,
    workload: Workload,
    record: WorkloadRecord,
    now: datetime,
    *,
    rolls_back: bool,
    ownership: Ownership | None = None,
) -> list[Finding]:
    """Return what the workload itself and its past say. `rolls_back` is false for scaling alone.

    `ownership` is what the owner itself says; without it the marks on the workload have to do.
    """
    found = _of_owner(workload, ownership)
    if not rolls_back:
        return found
    if workload.paused:
        found.append(Finding(Effect.REFUSE, Reason.PAUSED, str(workload.ref)))
    return found + _recent(service, workload, now) + _past(workload, record, now)


def _of_owner(workload: Workload, ownership: Ownership | None) -> list[Finding]:
    owner = workload.owner
    if owner is None:
        return []
    marks = owner.why if owner.undoes_us else ""
    why = marks if ownership is None else ownership.obstacle
    if not why:
        return []
    return [Finding(Effect.REFUSE, Reason.MANAGED_BY_OWNER, f"{owner.kind} {owner.name}: {why}")]


def _recent(service: Service, workload: Workload, now: datetime) -> list[Finding]:
    began_at = workload.rollout_began_at
    if began_at is None:
        return [
            Finding(Effect.ASK, Reason.NO_RECENT_ROLLOUT, "the cluster does not tell when it was rolled out")
        ]
    age = (now - began_at).total_seconds()
    if age <= service.timing.recent_rollout:
        return []
    return [Finding(Effect.ASK, Reason.NO_RECENT_ROLLOUT, f"rolled out {age / 3600:.1f} h ago")]


def _past(workload: Workload, record: WorkloadRecord, now: datetime) -> list[Finding]:
    known = record.restored is not None and record.restored.to_template_id == workload.template_id
    unrecorded = _unrecorded(workload, record)
    restored = known or unrecorded != ""
    found = []
    if record.cooldown_until is not None and record.cooldown_until > now:
        until = record.cooldown_until
        effect = Effect.DELAY if restored else Effect.ASK
        found.append(Finding(effect, Reason.COOLDOWN, f"until {until:%H:%M:%S}Z", until))
    if restored:
        found.append(Finding(Effect.ASK, Reason.RESTORED_REVISION, unrecorded))
    elif workload.template_id in record.quarantined:
        found.append(Finding(Effect.ASK, Reason.QUARANTINED_REVISION))
    return found


def _unrecorded(workload: Workload, record: WorkloadRecord) -> str:
    """Return what a rollback left that nobody recorded; empty where there is none.

    One whose answer was lost, and after it the cluster for the whole of the step's time, ended as failed. Its
    mark is on the workload all the same. One that ended well has recorded all that it did: its mark may be
    that of a restart.
    """
    recorded = record.restored.response_id if record.restored is not None else ""
    marked = next((past for past in record.responses if past.id == workload.marker != recorded), None)
    began_at = workload.rollout_began_at
    if marked is None or marked.outcome == Outcome.COMPLETED:
        return ""
    if began_at is not None and began_at < marked.started_at:
        return ""
    return f"response {marked.id} ended as {marked.outcome}, and has rolled back after all"


def of_candidate(
    current: Revision, candidate: Revision, *, sure: bool, at_least: int | None = None
) -> list[Finding]:
    """Return what the chosen revision says: its schema, and whether it was shown to be healthy.

    `at_least` is the configuration's word on the database, where the current revision has none.
    """
    found = []
    if not schema_fits(current, candidate, at_least=at_least):
        needed = current.schema_at_least if current.schema_at_least is not None else at_least
        needs = f"needs at least {needed}, revision {candidate.number} has {candidate.schema}"
        found.append(Finding(Effect.REFUSE, Reason.SCHEMA, needs))
    if not sure:
        found.append(Finding(Effect.ASK, Reason.CANDIDATE_UNKNOWN))
    return found


def without(found: Iterable[Finding], override: Sequence[str]) -> list[Finding]:
    """Return the findings that the named overrides do not lift."""
    lifted = {reason for name in override for reason in OVERRIDABLE.get(name, ())}
    return [f for f in found if f.reason not in lifted]


def weightiest(found: Sequence[Finding]) -> Finding | None:
    """Return the finding that decides: a refusal before a delay before a question; the longest delay.

    Of several that weigh the same it is the first in the order of the reasons, whatever their own order.
    """
    return min(found, key=_rank, default=None)


def _rank(finding: Finding) -> tuple[int, bool, float, int, str]:
    ends = -finding.until.timestamp() if finding.until is not None else 0.0
    effect, reason = list(Effect).index(finding.effect), list(Reason).index(finding.reason)
    return effect, finding.until is not None, ends, reason, finding.detail
