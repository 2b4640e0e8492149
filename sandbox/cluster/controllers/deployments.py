"""Roll Deployments out: the deployment controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.cluster.controllers import conditions, history, progress, rolling
from sandbox.cluster.controllers.history import History
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_of,
    is_controlled_by,
    is_deleting,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import DEPLOYMENTS, PODS, REPLICASETS
from sandbox.cluster.storage import Change, Key


class Deployments:
    """Bring each Deployment's ReplicaSets to its template and size, within its strategy.

    One reconcile makes one step and then writes the status; the ReplicaSets' own changes call the next.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._recorder = Recorder(registry, "deployment-controller")

    def keys(self, change: Change) -> Iterable[Key]:
        obj = change.obj
        if change.resource == PODS.qualified and change.action == "DELETED":
            # Strategy Recreate waits until the last old pod has gone.
            owner = controller_of(obj)
            found = self._storage.find(REPLICASETS, namespace_of(obj), owner["name"]) if owner else None
            obj = found or obj
        if change.resource == DEPLOYMENTS.qualified:
            yield namespace_of(obj), name_of(obj)
        elif change.resource in (REPLICASETS.qualified, PODS.qualified):
            owner = controller_of(obj)
            if owner is not None and owner["kind"] == "Deployment":
                yield namespace_of(obj), owner["name"]

    def reconcile(self, key: Key) -> float | None:
        deployment = self._storage.find(DEPLOYMENTS, *key)
        if deployment is None:
            return None
        if not is_deleting(deployment):
            deployment = self._note_pause(deployment)
            if deployment["spec"].get("paused") or self._was_scaled(deployment):
                return self._scale_only(key)
            self._number_new(deployment, self._read(key))
            self._step(self._storage.get(DEPLOYMENTS, *key))
        return self._write_status(key, rolling_out=not is_deleting(deployment))

    def _read(self, key: Key) -> History:
        return history.read(self._registry, self._storage.get(DEPLOYMENTS, *key))

    def _note_pause(self, deployment: Object) -> Object:
        current = conditions.find(deployment["status"], conditions.PROGRESSING)
        if current is not None and current["reason"] == conditions.DEADLINE_EXCEEDED:
            return deployment
        was_paused = current is not None and current["reason"] == conditions.PAUSED
        paused = bool(deployment["spec"].get("paused"))
        if paused == was_paused:
            return deployment
        reason, text = (
            (conditions.PAUSED, "Deployment is paused")
            if paused
            else (conditions.RESUMED, "Deployment is resumed")
        )
        noted = clone(deployment)
        conditions.put(noted["status"], conditions.condition(conditions.PROGRESSING, "Unknown", reason, text))
        return self._registry.update(DEPLOYMENTS, deployment, noted, subresource="status")

    def _was_scaled(self, deployment: Object) -> bool:
        """Tell whether the size has changed since its ReplicaSets last heard of it."""
        wanted = str(deployment["spec"]["replicas"])
        running = rolling.active(history.read(self._registry, deployment).all)
        return any(annotations_of(one).get(rolling.DESIRED_REPLICAS, wanted) != wanted for one in running)

    def _scale_only(self, key: Key) -> float | None:
        deployment, sets = self._storage.get(DEPLOYMENTS, *key), self._read(key)
        history.number_new(self._registry, deployment, sets, create=False)
        sets = self._read(key)
        spec, running = deployment["spec"], rolling.active(sets.all)
        only = (
            running[0]
            if len(running) == 1
            else (sets.new or sets.old[-1] if not running and sets.all else None)
        )
        if only is not None:
            self._resize(deployment, sets, {name_of(only): spec["replicas"]})
        elif rolling.is_saturated(spec, sets.new):
            self._resize(deployment, sets, {name_of(one): 0 for one in rolling.active(sets.old)})
        elif spec["strategy"]["type"] == "RollingUpdate":
            self._resize(deployment, sets, rolling.proportional_sizes(spec, sets.all))
        if spec.get("paused"):
            history.prune(self._registry, deployment, self._read(key).old)
        return self._write_status(key, rolling_out=False)

    def _step(self, deployment: Object) -> None:
        spec, sets = deployment["spec"], history.read(self._registry, deployment)
        if sets.new is None:
            self._resize(deployment, sets, {name_of(one): 0 for one in rolling.active(sets.old)})
            return
        wanted = rolling.new_size(spec, sets.new, sets.old)
        if spec["strategy"]["type"] == "Recreate" and rolling.total_size(sets.old):
            self._resize(deployment, sets, {name_of(one): 0 for one in rolling.active(sets.old)})
        elif self._has_old_pods(spec, sets):
            return
        elif wanted != rolling.size(sets.new):
            self._resize(deployment, sets, {name_of(sets.new): wanted})
        elif rolling.total_size(sets.old):
            self._resize(deployment, sets, rolling.old_sizes(spec, sets.new, sets.old))
        if progress.is_complete(deployment, progress.counted(deployment, sets)):
            history.prune(self._registry, deployment, sets.old)

    def _number_new(self, deployment: Object, sets: History) -> None:
        create = not self._waits_for_old_pods(deployment)
        new = history.number_new(self._registry, deployment, sets, create=create)
        if new is not None and sets.new is None:
            text = f"Scaled up replica set {name_of(new)} from 0 to {rolling.size(new)}"
            self._recorder.record(deployment, "ScalingReplicaSet", text)

    def _waits_for_old_pods(self, deployment: Object) -> bool:
        """Tell whether strategy Recreate may not make the new ReplicaSet yet."""
        sets = history.read(self._registry, deployment)
        return deployment["spec"]["strategy"]["type"] == "Recreate" and (
            rolling.total_size(sets.old) > 0 or self._has_old_pods(deployment["spec"], sets)
        )

    def _has_old_pods(self, spec: Object, sets: History) -> bool:
        if spec["strategy"]["type"] != "Recreate":
            return False
        pods = [pod for one in sets.old for pod in self._storage.objects(PODS, namespace_of(one))
                if is_controlled_by(pod, one)]  # fmt: skip
        return bool(pods)

    def _resize(self, deployment: Object, sets: History, sizes: Mapping[str, int]) -> None:
        """Write sizes, by ReplicaSet name, and beside them the Deployment's own size."""
        for replica_set in sets.all:
            if name_of(replica_set) not in sizes:
                continue
            before, after = rolling.size(replica_set), sizes[name_of(replica_set)]
            resized = clone(replica_set)
            resized["spec"]["replicas"] = after
            resized["metadata"].setdefault("annotations", {}).update(
                history.size_annotations(deployment["spec"])
            )
            self._registry.update(REPLICASETS, replica_set, resized)
            if after != before:
                way = "up" if after > before else "down"
                text = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {after}"
                self._recorder.record(deployment, "ScalingReplicaSet", text)

    def _write_status(self, key: Key, *, rolling_out: bool) -> float | None:
        deployment, sets = self._storage.get(DEPLOYMENTS, *key), self._read(key)
        work_out = progress.progressed if rolling_out else progress.counted
        fresh = work_out(deployment, sets)
        if "collisionCount" in deployment["status"]:
            fresh["collisionCount"] = deployment["status"]["collisionCount"]
        written = self._registry.update(
            DEPLOYMENTS, deployment, deployment | {"status": fresh}, subresource="status"
        )
        return progress.seconds_to_deadline(written)
