"""Changes: what Backout may do to a cluster, each stored as an intent before it is made.

A change names the state of the world that it was decided on; making it tests that nothing has moved
since. The id of the response goes with it where the object can carry it, so that a read-back can tell
ours from theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from shared.domain.workloads import WorkloadRef

MARKER = "backout.dev/response"


@dataclass(frozen=True)
class RestoreRevision:
    """Put back the pod template held by the ReplicaSet or ControllerRevision `revision_name`."""

    workload: WorkloadRef
    response_id: str
    generation: int
    from_template_id: str
    to_template_id: str
    revision_name: str
    cause: str


@dataclass(frozen=True)
class SetReplicas:
    """Set the number of replicas by the scale subresource, if the workload is still as it was read."""

    workload: WorkloadRef
    response_id: str
    resource_version: str
    replicas_before: int
    replicas: int


@dataclass(frozen=True)
class SetAutoscalerMinimum:
    """Set the minimum (and, where it is lower, the maximum) of the workload's autoscaler.

    `scaler` is ``HorizontalPodAutoscaler``, or ``ScaledObject`` where KEDA writes the former from one.
    """

    workload: WorkloadRef
    response_id: str
    autoscaler: str
    resource_version: str
    minimum_before: int
    maximum_before: int
    minimum: int
    maximum: int
    scaler: str = "HorizontalPodAutoscaler"


@dataclass(frozen=True)
class AbortRollout:
    """Abort an Argo Rollout that is under way: traffic and pods go back to its stable revision at once."""

    workload: WorkloadRef
    response_id: str
    generation: int
    from_template_id: str
    to_template_id: str


@dataclass(frozen=True)
class StopOwner:
    """Keep an owner from undoing the rollback, if it is still as it was read (`version`)."""

    workload: WorkloadRef
    response_id: str
    kind: str
    namespace: str
    name: str
    version: str
    before: str


@dataclass(frozen=True)
class RollBackByOwner:
    """Have an owner go back to `target` of its own history, whose newest entry is still `seen`."""

    workload: WorkloadRef
    response_id: str
    kind: str
    namespace: str
    name: str
    target: str
    seen: str
    cause: str


@dataclass(frozen=True)
class ResumeOwner:
    """Start an owner again that this response stopped, if nobody else has changed that since."""

    workload: WorkloadRef
    response_id: str
    kind: str
    namespace: str
    name: str
    before: str


@dataclass(frozen=True)
class RevertCommit:
    """Undo `commit`, which is the tip of `branch` in the repository ``owner/name``.

    `by` is ``commit`` (one put on top of the tip, whose tree is that of the tip's first parent) or
    ``pull_request`` (GitHub's own revert of the pull request that brought the commit). `at` (an ISO time) is
    part of the commit, so that making it twice makes the same one.
    """

    workload: WorkloadRef
    response_id: str
    repository: str
    branch: str
    commit: str
    by: str
    at: str
    cause: str


@dataclass(frozen=True)
class EvictPods:
    """Evict pods that hold a rollout up, so that disruption budgets count.

    `pods` are ``name/uid`` each, comma-separated; one that is gone, or has another uid, has been evicted.
    """

    workload: WorkloadRef
    response_id: str
    pods: str


@dataclass(frozen=True)
class RestartWorkload:
    """Restart a workload's pods one after the other, as ``kubectl rollout restart`` does, if it is as read.

    `at` (an ISO time) is what the template is annotated with, so that making it twice restarts once.
    """

    workload: WorkloadRef
    response_id: str
    generation: int
    template_id: str
    at: str


@dataclass(frozen=True)
class RunJob:
    """Run a Job from a template that the cluster holds (a suspended CronJob ``namespace/name``), once.

    `name` is the Job's own; one of that name that carries this response's id is this one.
    """

    workload: WorkloadRef
    response_id: str
    template: str
    name: str


@dataclass(frozen=True)
class RestoreDatabase:
    """Restore a database to a point in time (ISO), always into a new instance `to_instance`."""

    workload: WorkloadRef
    response_id: str
    instance: str
    to_instance: str
    at: str


@dataclass(frozen=True)
class FlushCache:
    """Flush a cache (by its name in the configuration): everything, or the keys that begin with `prefix`."""

    workload: WorkloadRef
    response_id: str
    cache: str
    prefix: str


@dataclass(frozen=True)
class SetFlag:
    """Switch a feature flag on or off, in the one environment that the configuration names."""

    workload: WorkloadRef
    response_id: str
    flag: str
    on: bool


ClusterChange = (
    RestoreRevision | SetReplicas | SetAutoscalerMinimum | AbortRollout | EvictPods | RestartWorkload
)
OwnerChange = StopOwner | RollBackByOwner | ResumeOwner
Change = ClusterChange | OwnerChange | RevertCommit | RunJob | RestoreDatabase | FlushCache | SetFlag

KINDS: Mapping[str, type[Change]] = {
    "restore_revision": RestoreRevision,
    "set_replicas": SetReplicas,
    "set_autoscaler_minimum": SetAutoscalerMinimum,
    "abort_rollout": AbortRollout,
    "stop_owner": StopOwner,
    "roll_back_by_owner": RollBackByOwner,
    "resume_owner": ResumeOwner,
    "revert_commit": RevertCommit,
    "evict_pods": EvictPods,
    "restart_workload": RestartWorkload,
    "run_job": RunJob,
    "restore_database": RestoreDatabase,
    "flush_cache": FlushCache,
    "set_flag": SetFlag,
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Intent:
    """A change as it is stored before it is made: its kind and its own fields, flat.

    The workload and the response are those of the record that holds the intent.
    """

    step: str
    kind: str
    fields: Mapping[str, Scalar]

    @classmethod
    def of(cls, change: Change, *, step: str) -> "Intent":
        """Return the intent to make `change` in `step`."""
        kind = next(name for name, known in KINDS.items() if isinstance(change, known))
        own = {f.name: getattr(change, f.name) for f in fields(change)}
        return cls(step, kind, {k: v for k, v in own.items() if k not in ("workload", "response_id")})

    def change(self, workload: WorkloadRef, response_id: str) -> Change:
        """Return the change again, exactly as it was intended."""
        made: Change = KINDS[self.kind](workload=workload, response_id=response_id, **self.fields)  # type: ignore[arg-type]
        return made


class Applied(StrEnum):
    """What came of making a change."""

    CHANGED = "changed"
    ALREADY = "already"  # read back: it had been done
    MOVED = "moved"  # the world moved since it was read; nothing was changed
