"""A cluster in memory, in the words of the rules; it passes the contract suite of `Workloads`."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.domain.changes import (
    MARKER,
    AbortRollout,
    Applied,
    ClusterChange,
    EvictPods,
    RestartWorkload,
    RestoreRevision,
    SetAutoscalerMinimum,
    SetReplicas,
)
from shared.domain.reasons import Reason
from shared.domain.workloads import (
    KINDS,
    Autoscaler,
    Pod,
    Revision,
    Rollout,
    RolloutState,
    Workload,
    WorkloadRef,
)
from shared.errors import BackoutError, PermanentError, TemporaryError

CONTAINER = "app"
COMPLETE = Rollout(RolloutState.COMPLETE, "successfully rolled out")


def _now() -> datetime:
    return datetime.now(UTC)


class FakeWorkloads:
    """Holds workloads; what people do to them (deploy, restart, pause …) is a method each.

    `applied` are the changes that were made, `reads` counts the looks. `broken` are images whose rollout
    never completes. An error given to `fail` is raised by the next call; with ``after=True`` a change is
    made all the same, as after a time-out.
    """

    def __init__(
        self,
        cluster: str = "test",
        *,
        now: Callable[[], datetime] = _now,
        broken: frozenset[str] = frozenset(),
    ) -> None:
        self.cluster = cluster
        self.applied: list[ClusterChange] = []
        self.reads = 0
        self.broken = broken
        self._now = now
        self._workloads: dict[WorkloadRef, Workload] = {}
        self._errors: list[tuple[BackoutError, bool]] = []
        self._version = 0
        self.protected = False
        self.mended_by: Callable[[ClusterChange], bool] = lambda change: False
        self._made: Counter[tuple[WorkloadRef, str]] = Counter()
        self.restarted: dict[WorkloadRef, str] = {}
        self._lock = threading.RLock()

    def read(self, ref: WorkloadRef, *, usage: bool = False, events: bool = False) -> Workload | None:
        with self._lock:
            self.reads += 1
            if self._errors:
                raise self._errors.pop(0)[0]
            _check(ref)
            found = self._workloads.get(ref)
            if found is None:
                return None
            return replace(found, pods=_seen(found.pods, usage=usage, events=events))

    def apply(self, change: ClusterChange) -> Applied:
        with self._lock:
            error, after = self._errors.pop(0) if self._errors else (None, False)
            if error is not None and not after:
                raise error
            _check(change.workload)
            applied = self._apply(change)
            if applied is Applied.CHANGED:
                self.applied.append(change)
                if self.mended_by(change):
                    self.mend(change.workload)
            if error is not None:
                raise error
            return applied

    def put(self, workload: Workload) -> Workload:
        """Keep a workload exactly as it is given."""
        with self._lock:
            self._workloads[workload.ref] = workload
            return workload

    def fail(self, error: BackoutError, *, after: bool = False) -> None:
        """Make the next call that is not yet spoken for fail."""
        self._errors.append((error, after))

    def deploy(
        self,
        ref: WorkloadRef,
        image: str,
        *,
        replicas: int = 3,
        schema: int | None = None,
        schema_at_least: int | None = None,
        change_cause: str = "",
    ) -> Workload:
        """Make the workload, or give it a template with this image; an old template is used again."""
        seed = f"{image} {schema} {schema_at_least}"
        revision = Revision(
            template_id=hashlib.sha256(seed.encode()).hexdigest()[:12],
            name=f"{ref.name}-{hashlib.sha256(seed.encode()).hexdigest()[:10]}",
            number=1,
            images={CONTAINER: image},
            began_at=self._now(),
            change_cause=change_cause,
            schema=schema,
            schema_at_least=schema_at_least,
        )
        with self._lock:
            if ref in self._workloads:
                return self._roll_out(ref, revision)
            return self._store(
                Workload(
                    ref=ref,
                    uid=f"uid-{self._version}",
                    generation=1,
                    resource_version="0",
                    replicas=replicas,
                    ready_replicas=replicas,
                    paused=False,
                    template_id=revision.template_id,
                    revisions=(revision,),
                    rollout=self._rollout(image),
                    rollout_began_at=revision.began_at,
                )
            )

    def roll_back(self, ref: WorkloadRef, image: str) -> Workload:
        """Put back the revision with that image, as someone else does: by hand, or an owner."""
        with self._lock:
            found = self._workloads[ref]
            return self._roll_out(ref, next(r for r in found.revisions if r.images[CONTAINER] == image))

    def begin_update(self, ref: WorkloadRef, image: str) -> Workload:
        """Give an Argo Rollout a template whose update waits half-way, to be aborted or promoted."""
        stable = self._workloads[ref].stable_template_id or self._workloads[ref].template_id
        self.deploy(ref, image)
        waiting = Rollout(RolloutState.PROGRESSING, "Paused - CanaryPauseStep")
        return self.update(ref, stable_template_id=stable, rollout=waiting)

    def restart(self, ref: WorkloadRef) -> Workload:
        """Do as ``kubectl rollout restart``: a new number of the same version."""
        found = self._workloads[ref]
        newest = replace(found.current, number=found.revisions[0].number + 1)
        others = tuple(r for r in found.revisions if r.template_id != newest.template_id)
        return self._spec(ref, revisions=(newest, *others))

    def pause(self, ref: WorkloadRef) -> Workload:
        return self._spec(ref, paused=True)

    def mend(self, ref: WorkloadRef) -> Workload:
        """Let every image come up, the present one at once."""
        self.broken = frozenset()
        return self.update(ref, rollout=COMPLETE, ready_replicas=self._workloads[ref].replicas)

    def annotate(self, ref: WorkloadRef, annotations: Mapping[str, str]) -> Workload:
        own = {k: v for k, v in annotations.items() if k.startswith("backout.dev/")}
        return self._spec(ref, annotations={**self._workloads[ref].annotations, **own})

    def resize(self, ref: WorkloadRef, replicas: int) -> Workload:
        return self._spec(ref, replicas=replicas, ready_replicas=replicas)

    def autoscale(self, ref: WorkloadRef, *, minimum: int, maximum: int) -> Workload:
        """Give the workload an autoscaler, or change the one it has."""
        scaler = Autoscaler(f"{ref.name}-hpa", self._next_version(), minimum, maximum)
        return self.update(ref, autoscaler=scaler)

    def forget_history(self, ref: WorkloadRef) -> Workload:
        return self.update(ref, revisions=(self._workloads[ref].current,))

    def delete(self, ref: WorkloadRef) -> None:
        del self._workloads[ref]

    def update(self, ref: WorkloadRef, **fields: Any) -> Workload:
        """Change anything that moves no generation: status, rollout, owner, pods."""
        with self._lock:
            return self._store(replace(self._workloads[ref], **fields), keep_pods="pods" in fields)

    def _spec(self, ref: WorkloadRef, **fields: Any) -> Workload:
        return self.update(ref, generation=self._workloads[ref].generation + 1, **fields)

    def _roll_out(self, ref: WorkloadRef, revision: Revision, **fields: Any) -> Workload:
        found = self._workloads[ref]
        if revision.template_id == found.template_id:
            return self._spec(ref, **fields)
        known = found.revision(revision.template_id)
        number = found.revisions[0].number + 1
        newest = replace(known or revision, number=number, began_at=None if known else self._now())
        if revision.change_cause:
            newest = replace(newest, change_cause=revision.change_cause)
        others = tuple(r for r in found.revisions if r.template_id != newest.template_id)
        stable = found.stable_template_id if found.stable_template_id != newest.template_id else ""
        return self._spec(
            ref,
            stable_template_id=stable,
            template_id=newest.template_id,
            revisions=(newest, *others),
            rollout_began_at=self._now(),
            rollout=self._rollout(newest.images[CONTAINER]),
            **fields,
        )

    def _rollout(self, image: str) -> Rollout:
        if image in self.broken:
            return Rollout(RolloutState.PROGRESSING, "1 out of 3 new replicas have been updated")
        return COMPLETE

    def _store(self, workload: Workload, *, keep_pods: bool = False) -> Workload:
        pods = workload.pods if keep_pods else self._pods(workload)
        return self.put(replace(workload, resource_version=self._next_version(), pods=pods))

    def _pods(self, workload: Workload) -> tuple[Pod, ...]:
        """Return the pods of a workload whose rollout goes as it says."""
        ready = workload.rollout.state is RolloutState.COMPLETE
        names = [f"{workload.current.name}-{nth}" for nth in range(workload.replicas)]
        return tuple(
            Pod(
                name=name,
                phase="Running" if ready else "Pending",
                ready=ready,
                restarts=0,
                images=workload.current.images,
                cpu_cores=0.1,
                memory_bytes=64.0 * 1024 * 1024,
                uid=f"{name}-{self._made[workload.ref, name]}",
                created_at=workload.rollout_began_at,
                template_id=workload.template_id,
            )
            for name in names
        )

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def _apply(self, change: ClusterChange) -> Applied:
        found = self._workloads.get(change.workload)
        if isinstance(change, SetReplicas) and change.workload.kind == "daemonset":
            raise PermanentError("one pod per node", reason=Reason.SCALE_NOT_POSSIBLE)
        if found is None:
            return Applied.MOVED
        match change:
            case RestoreRevision():
                return self._restore(found, change)
            case SetReplicas():
                return self._scale(found, change)
            case SetAutoscalerMinimum():
                return self._raise_minimum(found, change)
            case AbortRollout():
                return self._abort(found, change)
            case EvictPods():
                return self._evict(found, change)
            case RestartWorkload():
                return self._restart(found, change)

    def _restore(self, found: Workload, change: RestoreRevision) -> Applied:
        if (found.generation, found.template_id) != (change.generation, change.from_template_id):
            return Applied.ALREADY if found.template_id == change.to_template_id else Applied.MOVED
        if found.paused:
            raise PermanentError(f"{found.ref} is paused", reason=Reason.PAUSED)
        target = found.revision(change.to_template_id)
        if target is None or target.name != change.revision_name:
            raise PermanentError("the history no longer holds it", reason=Reason.NO_CANDIDATE)
        restored = replace(target, change_cause=change.cause)
        annotations = {**found.annotations, MARKER: change.response_id}
        self._roll_out(found.ref, restored, marker=change.response_id, annotations=annotations)
        return Applied.CHANGED

    def _abort(self, found: Workload, change: AbortRollout) -> Applied:
        """Serve the stable revision again, as an aborted Argo Rollout does; its spec stays as it is."""
        if found.ref.kind != "rollout":
            raise PermanentError(f"{found.ref} is no Argo Rollout", reason=Reason.KIND_NOT_SUPPORTED)
        if found.template_id == change.to_template_id:
            return Applied.ALREADY
        if (found.generation, found.stable_template_id) != (change.generation, change.to_template_id):
            return Applied.MOVED
        stable = found.revision(change.to_template_id)
        if stable is None:
            raise PermanentError("the history no longer holds it", reason=Reason.NO_CANDIDATE)
        if found.paused:
            raise PermanentError(f"{found.ref} is paused", reason=Reason.PAUSED)
        self.update(
            found.ref,
            template_id=stable.template_id,
            stable_template_id="",
            revisions=tuple(r for r in found.revisions if r.number <= stable.number),
            rollout=COMPLETE,
            rollout_began_at=stable.began_at,
            marker=change.response_id,
            annotations={**found.annotations, MARKER: change.response_id},
        )
        return Applied.CHANGED

    def _evict(self, found: Workload, change: EvictPods) -> Applied:
        """Delete pods; with an image that is not `broken`, new ones come up ready. `protected` refuses."""
        if self.protected:
            raise TemporaryError("a disruption budget allows no eviction now")
        named = set(change.pods.split(","))
        gone = [pod for pod in found.pods if f"{pod.name}/{pod.uid}" in named]
        if not gone:
            return Applied.ALREADY
        self._made.update((found.ref, pod.name) for pod in gone)
        mended = replace(found, rollout=self._rollout(found.image))
        self._store(replace(mended, ready_replicas=found.replicas if mended.rollout is COMPLETE else 0))
        return Applied.CHANGED

    def _restart(self, found: Workload, change: RestartWorkload) -> Applied:
        if self.restarted.get(found.ref) == change.at:
            return Applied.ALREADY
        if (found.generation, found.template_id) != (change.generation, change.template_id):
            return Applied.MOVED
        if found.paused:
            raise PermanentError(f"{found.ref} is paused", reason=Reason.PAUSED)
        self.restarted[found.ref] = change.at
        self.restart(found.ref)
        annotations = {**found.annotations, MARKER: change.response_id}
        self.update(found.ref, marker=change.response_id, annotations=annotations)
        return Applied.CHANGED

    def _scale(self, found: Workload, change: SetReplicas) -> Applied:
        if found.resource_version != change.resource_version:
            return Applied.ALREADY if found.replicas == change.replicas else Applied.MOVED
        if found.replicas == change.replicas:
            return Applied.ALREADY
        self.resize(found.ref, change.replicas)
        return Applied.CHANGED

    def _raise_minimum(self, found: Workload, change: SetAutoscalerMinimum) -> Applied:
        scaler = found.autoscaler
        if scaler is None or scaler.name != change.autoscaler:
            return Applied.MOVED
        if scaler.resource_version != change.resource_version:
            done = (scaler.minimum, scaler.maximum) == (change.minimum, change.maximum)
            return Applied.ALREADY if done else Applied.MOVED
        self.autoscale(found.ref, minimum=change.minimum, maximum=change.maximum)
        return Applied.CHANGED


def _check(ref: WorkloadRef) -> None:
    if ref.kind not in KINDS:
        raise PermanentError(ref.kind, reason=Reason.KIND_NOT_SUPPORTED)


def _seen(pods: tuple[Pod, ...], *, usage: bool, events: bool) -> tuple[Pod, ...]:
    """Return what a read shows of the pods: usage, and warnings and those being deleted, when asked for."""
    shown = [pod for pod in pods if events or pod.deleting_since is None]
    if not usage:
        shown = [replace(pod, cpu_cores=None, memory_bytes=None) for pod in shown]
    return tuple(shown if events else (replace(pod, trouble="") for pod in shown))
