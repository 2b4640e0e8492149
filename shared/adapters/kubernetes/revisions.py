"""A workload's history: which versions it had, and when each was rolled out.

The history is read as a row of runs: the revision numbers in order, and neighbours of one version together
(a restart makes a new number of the same version). A run has a date only when its first number came with
a new object and nothing in it was an old object used again: an undo takes the old ReplicaSet or
ControllerRevision, which keeps its first creation time, and gives it the highest number.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Raw

from shared.adapters.kubernetes import rollouts, wire
from shared.adapters.kubernetes.connection import Answer
from shared.adapters.kubernetes.templates import ROLLOUT_HASH_LABEL, Template, number
from shared.domain.workloads import Revision
from shared.wire import decoder

DEPLOYMENT_ANNOTATIONS = "deployment.kubernetes.io/"
CHANGE_CAUSE = "kubernetes.io/change-cause"
PAUSING = ("DeploymentPaused", "DeploymentResumed")


@dataclass(frozen=True)
class Held:
    """A template that the history holds: the object's name, its number, and when it was made.

    `earlier` are the numbers that it had before; `used_again` says that it was rolled out more than once.
    `pod_hash` is what an Argo Rollout calls it by, `available` how many of its pods are.
    """

    name: str
    uid: str
    number: int
    created_at: datetime
    template: Template
    change_cause: str = ""
    earlier: tuple[int, ...] = ()
    used_again: bool = False
    pod_hash: str = ""
    available: int = 0


@dataclass(frozen=True)
class History:
    """Distinct revisions, newest first, and when the current template was rolled out, if that is told."""

    revisions: tuple[Revision, ...]
    rollout_began_at: datetime | None


def of_replica_sets(answer: Answer, owner_uid: str, template: Callable[[Raw], Template]) -> list[Held]:
    """Return what a Deployment's ReplicaSets hold; annotations tell their numbers, earlier ones too."""
    listed = answer.read(wire.Items[wire.ReplicaSet]).items or []
    own = [found for found in listed if found.metadata.is_of(owner_uid)]
    return [of_replica_set(found, template(found.spec.template), DEPLOYMENT_ANNOTATIONS) for found in own]


def of_replica_set(found: wire.ReplicaSet, template: Template, prefix: str) -> Held:
    """Return what a ReplicaSet holds; `prefix` is that of its controller's annotations.

    The controller of Argo Rollouts notes the present number among the earlier ones too, whenever it copies an
    annotation; that is no use again.
    """
    annotations = found.metadata.annotations
    present = number(annotations.get(f"{prefix}revision")) or 0
    noted = annotations.get(f"{prefix}revision-history", "").split(",")
    earlier = tuple(sorted({n for part in noted if part and (n := number(part) or 0) < present}))
    return Held(
        name=found.metadata.name,
        uid=found.metadata.uid,
        number=present,
        created_at=found.metadata.created_at,
        template=template,
        change_cause=annotations.get(CHANGE_CAUSE, ""),
        earlier=earlier,
        used_again=bool(earlier),
        pod_hash=found.metadata.labels.get(ROLLOUT_HASH_LABEL, ""),
        available=found.status.available_replicas,
    )


def of_controller_revisions(
    answer: Answer, owner_uid: str, template: Callable[[Raw], Template]
) -> list[Held]:
    """Return what ControllerRevisions hold; one that is older than its number says was used again."""
    listed = answer.read(wire.Items[wire.ControllerRevision]).items or []
    held = []
    latest = wire.EPOCH
    for found in sorted(listed, key=lambda revision: revision.revision):
        if not found.metadata.is_of(owner_uid):
            continue
        patch = decoder(wire.RevisionPatch).decode(found.data)
        held.append(
            Held(
                name=found.metadata.name,
                uid=found.metadata.uid,
                number=found.revision,
                created_at=found.metadata.created_at,
                template=template(patch.spec.template),
                change_cause=found.metadata.annotations.get(CHANGE_CAUSE, ""),
                used_again=found.metadata.created_at < latest,
            )
        )
        latest = max(latest, found.metadata.created_at)
    return held


def history(held: Sequence[Held], current: Template, workload: wire.Workload | None) -> History:
    """Return the history of a workload whose template is `current`.

    `workload` is the object whose condition Progressing may date the rollout; None where it tells no date.

    Where no object holds that template yet (the controller is behind), a revision without a name stands
    for it, numbered as the controller will.
    """
    runs = _runs(held)
    found = [_merged(list(twins), runs) for twins in _by_version(held)]
    if all(revision.template_id != current.id for revision in found):
        next_number = max((h.number for h in held), default=0) + 1
        found.append(_revision(current, name="", number=next_number, began_at=None, cause=""))
    found.sort(key=lambda revision: revision.number, reverse=True)
    return History(tuple(found), _rollout_began_at(runs, held, current, workload))


def _by_version(held: Sequence[Held]) -> Iterable[Iterable[Held]]:
    ordered = sorted(held, key=lambda h: (h.template.id, h.number))
    return [list(twins) for _, twins in itertools.groupby(ordered, key=lambda h: h.template.id)]


def _runs(held: Sequence[Held]) -> list[list[Held]]:
    """Return the rollouts in order, those of one version that follow each other together."""
    rolled_out = sorted(((nth, h) for h in held for nth in (*h.earlier, h.number)), key=lambda pair: pair[0])
    return [
        [h for _, h in run] for _, run in itertools.groupby(rolled_out, key=lambda pair: pair[1].template.id)
    ]


def _began_at(run: list[Held]) -> datetime | None:
    return None if any(h.used_again for h in run) else min(h.created_at for h in run)


def _merged(twins: list[Held], runs: list[list[Held]]) -> Revision:
    """Return the one revision that twins are: the newest's name and number, the first's date."""
    newest = twins[-1]
    own = [run for run in runs if run[0].template.id == newest.template.id]
    began_at = _began_at(own[0]) if len(own) == 1 else None
    return _revision(
        newest.template, name=newest.name, number=newest.number, began_at=began_at, cause=newest.change_cause
    )


def _revision(
    template: Template, *, name: str, number: int, began_at: datetime | None, cause: str
) -> Revision:
    return Revision(
        template_id=template.id,
        name=name,
        number=number,
        images=template.images,
        began_at=began_at,
        change_cause=cause,
        schema=template.schema,
        schema_at_least=template.schema_at_least,
    )


def _rollout_began_at(
    runs: list[list[Held]], held: Sequence[Held], current: Template, workload: wire.Workload | None
) -> datetime | None:
    """Return when the current template was rolled out, None where the cluster does not tell.

    A version used again has no date of its own. For a Deployment the condition Progressing then tells when
    the rollout last got on, or completed: later than it began by no more than the rollout took. A restart
    moves it too, so it tells nothing once the run holds more than one number. A StatefulSet or DaemonSet
    has no such condition, and an Argo Rollout's moves with every step and every pod that is replaced.
    """
    if not runs or runs[-1][0].template.id != current.id:
        return None
    run = runs[-1]
    began_at = _began_at(run)
    if began_at is not None or len(run) > 1 or workload is None:
        return began_at
    return _progressed_at(workload, not_before=max(h.created_at for h in held))


def _progressed_at(workload: wire.Workload, *, not_before: datetime) -> datetime | None:
    """Return the date of the condition Progressing, if it can be this rollout's.

    It cannot while the controller has not seen the newest spec, nor when it is older than a revision that
    this one replaced (the controller leaves the condition alone when there are no replicas), nor when
    the last to move it was a pause.
    """
    condition = rollouts.progress(workload)
    if condition is None or condition.reason in PAUSING:
        return None
    if not workload.is_observed:
        return None
    at = condition.last_update_time or condition.last_transition_time
    return at if at is not None and at >= not_before else None
