"""Keep as many pods as each ReplicaSet asks for: the replicaset controller."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers.ownership import active_pods_of, own_or_owner_key, pod_from
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import (
    Object,
    clone,
    condition_of,
    is_deleting,
    is_ready,
    labels_of,
    name_of,
    namespace_of,
    seconds_until_available,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import PODS, REPLICASETS
from sandbox.cluster.storage import Change, Key


class ReplicaSets:
    """Create missing pods, delete the least useful of too many, and count them in the status."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._recorder = Recorder(registry, "replicaset-controller")

    def keys(self, change: Change) -> Iterable[Key]:
        key = own_or_owner_key(change, REPLICASETS)
        if key is not None:
            yield key

    def reconcile(self, key: Key) -> float | None:
        replica_set = self._registry.storage.find(REPLICASETS, *key)
        if replica_set is None:
            return None
        if not is_deleting(replica_set):
            self._fit(replica_set)
        return self._write_status(replica_set)

    def _fit(self, replica_set: Object) -> None:
        pods = active_pods_of(self._registry, replica_set)
        missing = replica_set["spec"]["replicas"] - len(pods)
        for _ in range(missing):
            pod = pod_from(replica_set["spec"]["template"], replica_set)
            created = self._registry.create(PODS, namespace_of(replica_set), pod)
            self._recorder.record(replica_set, "SuccessfulCreate", f"Created pod: {name_of(created)}")
        if missing < 0:
            for pod in sorted(pods, key=_worth)[:-missing]:
                self._registry.delete(PODS, pod)
                self._recorder.record(replica_set, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")

    def _write_status(self, replica_set: Object) -> float | None:
        pods = active_pods_of(self._registry, replica_set)
        waits = [seconds_until_available(pod, replica_set["spec"].get("minReadySeconds", 0)) for pod in pods]
        wanted = (replica_set["spec"]["template"]["metadata"].get("labels") or {}).items()
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(wanted <= labels_of(pod).items() for pod in pods),
            "readyReplicas": sum(wait is not None for wait in waits),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        kept = {name: count for name, count in status.items() if count or name == "replicas"}
        kept["observedGeneration"] = replica_set["metadata"]["generation"]
        changed = clone(replica_set) | {"status": kept}
        self._registry.update(REPLICASETS, replica_set, changed, subresource="status")
        return min((wait for wait in waits if wait), default=None)


def _worth(pod: Object) -> tuple[bool, bool, bool, str, int]:
    """Rank pods for deletion, the first to go first: unscheduled, pending, not ready, young, restarting."""
    restarts = [one.get("restartCount", 0) for one in pod["status"].get("containerStatuses") or []]
    ready = condition_of(pod, "Ready") or {}
    # A later moment means a younger pod, which goes earlier: its digits are turned round.
    moment = str(ready.get("lastTransitionTime", "")).translate(str.maketrans("0123456789", "9876543210"))
    return (
        bool(pod["spec"].get("nodeName")),
        pod["status"].get("phase") == "Running",
        is_ready(pod),
        moment,
        -max(restarts, default=0),
    )
