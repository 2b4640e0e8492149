"""Making changes: each a compare and swap on the state of the world that it was decided on."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

from shared.adapters.kubernetes import aborting, evicting, promoting, resources, restarting, wire
from shared.adapters.kubernetes.autoscalers import SCALED_OBJECT
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.adapters.kubernetes.kinds import kind_of
from shared.adapters.kubernetes.reading import Look, Reader
from shared.adapters.kubernetes.revisions import CHANGE_CAUSE, Held
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
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError

CONFLICT = 409
INVALID = 422
ABORTS_TRIED = 3
REMEMBERED = 64
"""Looks kept in memory, each with the templates of a workload's history."""


class Looks:
    """The last look at each workload, so that a change right after a read needs no round trip but its own."""

    def __init__(self) -> None:
        self._kept: OrderedDict[WorkloadRef, Look] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, ref: WorkloadRef, look: Look) -> None:
        """Remember a look in place of the one before, and forget the oldest of too many."""
        with self._lock:
            self._kept[ref] = look
            self._kept.move_to_end(ref)
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)

    def take(self, ref: WorkloadRef) -> Look | None:
        """Return the last look and forget it: after a change it is no longer true."""
        with self._lock:
            return self._kept.pop(ref, None)


class Changer:
    """Makes the changes of one cluster."""

    def __init__(self, connection: Connection, reader: Reader, looks: Looks) -> None:
        self._connection = connection
        self._reader = reader
        self._looks = looks

    def apply(self, change: ClusterChange, budget: Budget) -> Applied:
        """Make the change if the world is still as it says."""
        match change:
            case RestoreRevision():
                return self._restore(change, budget)
            case SetReplicas():
                return self._scale(change, budget)
            case SetAutoscalerMinimum():
                return self._raise_minimum(change, budget)
            case AbortRollout():
                return self._abort(change, budget)
            case EvictPods():
                return evicting.evict(self._connection, change, budget)
            case RestartWorkload():
                return self._restart(change, budget)

    def _restore(self, change: RestoreRevision, budget: Budget) -> Applied:
        """Put the revision's template back, in one round trip if it was read in this process just before.

        The patch tests uid and generation, so what the remembered look says of the template, the pause
        and the history is still true when it is accepted. Whatever else the look says is looked at again.
        An Argo Rollout's is promoted then, also where a crash came before that.
        """
        remembered = self._looks.take(change.workload)
        if remembered is not None and _as_decided(remembered, change):
            look: Look | None = remembered
        else:
            look = self._reader.look(change.workload, budget)
        if look is None:
            return Applied.MOVED
        if not _as_decided(look, change):
            return self._found(look, change, budget)
        answer = self._patch_template(change, look, budget)
        if answer.status not in (CONFLICT, INVALID, 404):
            answer.read(wire.Workload)
            if promoting.is_called_for(look, change):
                restored = self._reader.look(change.workload, budget)
                promoting.promote(self._connection, self._reader, change, restored, budget)
            return Applied.CHANGED
        now = self._reader.look(change.workload, budget)
        if now is None:
            return Applied.MOVED
        if answer.status == INVALID and _is_same(now, look):
            raise answer.refusal()  # nothing moved: the template itself is refused
        return self._found(now, change, budget)

    def _found(self, look: Look, change: RestoreRevision, budget: Budget) -> Applied:
        applied = _settled(look, change)
        if applied is Applied.ALREADY:
            promoting.promote(self._connection, self._reader, change, look, budget)
        return applied

    def _patch_template(self, change: RestoreRevision, look: Look, budget: Budget) -> Answer:
        ref = change.workload
        if look.object.spec.paused:
            raise PermanentError(f"the rollout of {ref} is paused; resume it first", reason=Reason.PAUSED)
        held = _target(look, change)
        operations: list[Mapping[str, object]] = [
            {"op": "test", "path": "/metadata/uid", "value": look.uid},
            {"op": "test", "path": "/metadata/generation", "value": change.generation},
            {"op": "replace", "path": "/spec/template", "value": held.template.json},
            *_annotated(look, {MARKER: change.response_id, CHANGE_CAUSE: change.cause}),
        ]
        kind = kind_of(ref.kind).resource
        request = resources.patch(kind, ref.namespace, ref.name, kind=resources.JSON_PATCH, body=operations)
        return self._connection.send(request, budget)

    def _restart(self, change: RestartWorkload, budget: Budget) -> Applied:
        """Annotate the template, in one round trip if it was read in this process just before."""
        look = self._looks.take(change.workload)
        if look is None or not restarting.as_decided(look, change):
            look = self._reader.look(change.workload, budget)
        if look is None:
            return Applied.MOVED
        if restarting.is_done(look, change) or not restarting.as_decided(look, change):
            return restarting.settled(look, change)
        if look.object.spec.paused:
            raise PermanentError(
                f"the rollout of {change.workload} is paused; resume it first", reason=Reason.PAUSED
            )
        operations = [*restarting.operations(look, change), *_annotated(look, {MARKER: change.response_id})]
        ref, kind = change.workload, kind_of(change.workload.kind).resource
        request = resources.patch(kind, ref.namespace, ref.name, kind=resources.JSON_PATCH, body=operations)
        answer = self._connection.send(request, budget)
        if answer.status not in (CONFLICT, INVALID, 404):
            answer.read(wire.Workload)
            return Applied.CHANGED
        now = self._reader.look(ref, budget)
        if now is None:
            return Applied.MOVED
        if answer.status == INVALID and _is_same(now, look):
            raise answer.refusal()
        return restarting.settled(now, change)

    def _scale(self, change: SetReplicas, budget: Budget) -> Applied:
        ref, kind = change.workload, kind_of(change.workload.kind)
        if not kind.scalable:
            raise PermanentError(f"{ref} has one pod per node", reason=Reason.SCALE_NOT_POSSIBLE)
        body = {
            "metadata": {"resourceVersion": change.resource_version},
            "spec": {"replicas": change.replicas},
        }
        request = resources.patch(
            kind.resource, ref.namespace, ref.name, subresource="scale", kind=resources.MERGE_PATCH, body=body
        )
        answer = self._connection.send(request, budget)
        if answer.missing:
            return Applied.MOVED
        if answer.status != CONFLICT:
            return _changed(answer.read(wire.Scale).metadata, change.resource_version)
        read_back = resources.get(kind.resource, ref.namespace, ref.name, subresource="scale")
        now = self._connection.send(read_back, budget)
        done = not now.missing and now.read(wire.Scale).spec.replicas == change.replicas
        return Applied.ALREADY if done else Applied.MOVED

    def _raise_minimum(self, change: SetAutoscalerMinimum, budget: Budget) -> Applied:
        """Set the bounds of the autoscaler, or of the ScaledObject that KEDA writes it from.

        A change without a resource version was decided on without the right to read the ScaledObject: it is
        read again only to say which right lacks.
        """
        namespace, name = change.workload.namespace, change.autoscaler
        resource, least, most = _SCALERS[change.scaler]
        read_back = resources.get(resource, namespace, name)
        if not change.resource_version:
            answer = self._connection.send(read_back, budget)
            if not answer.missing:
                answer.read(wire.Versioned)
            return Applied.MOVED
        body = {
            "metadata": {
                "resourceVersion": change.resource_version,
                "annotations": {MARKER: change.response_id},
            },
            "spec": {least: change.minimum, most: change.maximum},
        }
        request = resources.patch(resource, namespace, name, kind=resources.MERGE_PATCH, body=body)
        answer = self._connection.send(request, budget)
        if answer.missing:
            return Applied.MOVED
        if answer.status != CONFLICT:
            return _changed(answer.read(wire.Versioned).metadata, change.resource_version)
        now = self._connection.send(read_back, budget)
        done = not now.missing and _bounds(now, change) == (change.minimum, change.maximum)
        return Applied.ALREADY if done else Applied.MOVED

    def _abort(self, change: AbortRollout, budget: Budget) -> Applied:
        """Abort the update if it is still the one decided on, in two round trips right after a read.

        The resource version moves with each step of the controller's: a conflict only means to look again.
        """
        ref = change.workload
        if ref.kind != "rollout":
            raise PermanentError(f"{ref} is no Argo Rollout", reason=Reason.KIND_NOT_SUPPORTED)
        look = self._looks.take(ref)
        if look is None or not aborting.as_decided(look, change):
            look = self._reader.look(ref, budget)
        for _ in range(ABORTS_TRIED):
            if look is None:
                return Applied.MOVED
            if not aborting.as_decided(look, change):
                return _settled(look, change)
            if look.object.spec.paused:
                raise PermanentError(f"{ref} is paused; resume it first", reason=Reason.PAUSED)
            if aborting.abort(self._connection, change, look, budget):
                return Applied.CHANGED
            look = self._reader.look(ref, budget)
        return Applied.MOVED


_SCALERS: Mapping[str, tuple[resources.Resource, str, str]] = {
    "HorizontalPodAutoscaler": (resources.AUTOSCALERS, "minReplicas", "maxReplicas"),
    SCALED_OBJECT: (resources.SCALED_OBJECTS, "minReplicaCount", "maxReplicaCount"),
}
"""Where each kind of scaler is kept, and what its bounds are called."""


def _bounds(answer: Answer, change: SetAutoscalerMinimum) -> tuple[int, int]:
    if change.scaler == SCALED_OBJECT:
        return answer.read(wire.ScaledObject).spec.bounds
    spec = answer.read(wire.Autoscaler).spec
    return spec.min_replicas, spec.max_replicas


def _as_decided(look: Look, change: RestoreRevision) -> bool:
    """Return whether the workload is, for sure, as it was when the change was decided on."""
    is_same = look.generation == change.generation and look.template.id == change.from_template_id
    return is_same and look.standing.is_sure


def _is_same(now: Look, then: Look) -> bool:
    """Return whether all that a patch of the template tests is as it was."""
    with_annotations = [bool(look.object.metadata.annotations) for look in (now, then)]
    return (now.uid, now.generation) == (then.uid, then.generation) and len({*with_annotations}) == 1


def _settled(look: Look, change: RestoreRevision | AbortRollout) -> Applied:
    """Return what is to be said when the change was not made: it had been, or the world moved."""
    done = look.template.id == change.to_template_id and look.standing.is_sure
    return Applied.ALREADY if done else Applied.MOVED


def _target(look: Look, change: RestoreRevision) -> Held:
    """Return what the history holds of the revision. Raises PermanentError when it no longer does."""
    held = next((h for h in look.held if h.name == change.revision_name), None)
    if held is None or held.template.id != change.to_template_id:
        raise PermanentError(
            f"the history of {change.workload} no longer holds the revision {change.revision_name}; "
            "deploy that version anew",
            reason=Reason.NO_CANDIDATE,
        )
    return held


def _annotated(look: Look, annotations: Mapping[str, str]) -> list[Mapping[str, object]]:
    """Return the operations that add annotations and keep the others.

    Without any there is no map to add to, and to add the map would overwrite one that someone else added
    meanwhile; the resource version is compared then, with 409 for an answer.
    """
    if look.object.metadata.annotations:
        return [
            {
                "op": "add",
                "path": f"/metadata/annotations/{key.replace('~', '~0').replace('/', '~1')}",
                "value": v,
            }
            for key, v in annotations.items()
        ]
    version = look.object.metadata.resource_version
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def _changed(metadata: wire.Metadata, version_before: str) -> Applied:
    """Return whether a patch that was accepted changed anything: if not, it had been done before."""
    return Applied.ALREADY if metadata.resource_version == version_before else Applied.CHANGED
