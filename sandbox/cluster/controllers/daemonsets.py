"""Keep one pod of each DaemonSet on every node that it selects: the daemonset controller."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers import revisions
from sandbox.cluster.controllers.ownership import own_or_owner_key, pod_from, pods_of
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.controllers.rolling import resolve
from sandbox.cluster.objects import (
    Object,
    clone,
    is_active,
    is_deleting,
    is_ready,
    labels_of,
    name_of,
    namespace_of,
    seconds_until_available,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import CONTROLLERREVISIONS, DAEMONSETS, NODES, PODS
from sandbox.cluster.storage import Change, Key


class DaemonSets:
    """Create pods on new nodes, and replace old ones `maxUnavailable` at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._recorder = Recorder(registry, "daemonset-controller")

    def keys(self, change: Change) -> Iterable[Key]:
        if change.resource == NODES.qualified:
            yield from ((namespace_of(one), name_of(one)) for one in self._storage.objects(DAEMONSETS))
        elif change.resource != CONTROLLERREVISIONS.qualified:
            key = own_or_owner_key(change, DAEMONSETS)
            if key is not None:
                yield key

    def reconcile(self, key: Key) -> float | None:
        daemon_set = self._storage.find(DAEMONSETS, *key)
        if daemon_set is None or is_deleting(daemon_set):
            return None
        revision = revisions.current(self._registry, daemon_set)
        nodes = self._selected_nodes(daemon_set)
        self._cover(daemon_set, revision, nodes)
        if daemon_set["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            self._replace_old(daemon_set, revision, nodes)
        return self._write_status(daemon_set, revision, nodes)

    def _selected_nodes(self, daemon_set: Object) -> list[str]:
        wanted = (daemon_set["spec"]["template"]["spec"].get("nodeSelector") or {}).items()
        return [name_of(node) for node in self._storage.objects(NODES) if wanted <= labels_of(node).items()]

    def _cover(self, daemon_set: Object, revision: Object, nodes: list[str]) -> None:
        pods = pods_of(self._registry, daemon_set)
        covered = set()
        for pod in pods:
            node = pod["spec"].get("nodeName")
            surplus = node not in nodes or (node in covered and is_active(pod))
            if (surplus or not is_active(pod)) and not is_deleting(pod):
                self._delete(daemon_set, pod)
            covered.add(node)
        for node in nodes:
            if node not in covered:
                self._create(daemon_set, revision, node)

    def _create(self, daemon_set: Object, revision: Object, node: str) -> None:
        pod = pod_from(daemon_set["spec"]["template"], daemon_set)
        pod["metadata"].setdefault("labels", {}).update(
            {
                revisions.HASH_LABEL: revisions.hash_of(revision),
                "pod-template-generation": str(daemon_set["metadata"]["generation"]),
            }
        )
        pod["spec"]["nodeName"] = node
        created = self._registry.create(PODS, namespace_of(daemon_set), pod)
        self._recorder.record(daemon_set, "SuccessfulCreate", f"Created pod: {name_of(created)}")

    def _delete(self, daemon_set: Object, pod: Object) -> None:
        self._registry.delete(PODS, pod)
        self._recorder.record(daemon_set, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")

    def _is_available(self, daemon_set: Object, pod: Object) -> bool:
        minimum = daemon_set["spec"].get("minReadySeconds", 0)
        return is_active(pod) and seconds_until_available(pod, minimum) == 0

    def _replace_old(self, daemon_set: Object, revision: Object, nodes: list[str]) -> None:
        """Delete old pods: those that serve nobody at once, the others within `maxUnavailable`."""
        budget = resolve(
            daemon_set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], len(nodes), round_up=True
        )
        pods = pods_of(self._registry, daemon_set)
        available = [pod for pod in pods if self._is_available(daemon_set, pod)]
        old = [pod for pod in pods if not self._is_updated(pod, revision) and is_active(pod)]
        for pod in old:
            if pod not in available:
                self._delete(daemon_set, pod)
        spare = max(0, budget - (len(nodes) - len(available)))
        for pod in [pod for pod in old if pod in available][:spare]:
            self._delete(daemon_set, pod)

    def _is_updated(self, pod: Object, revision: Object) -> bool:
        return labels_of(pod).get(revisions.HASH_LABEL) == revisions.hash_of(revision)

    def _write_status(self, daemon_set: Object, revision: Object, nodes: list[str]) -> float | None:
        pods = [pod for pod in pods_of(self._registry, daemon_set) if is_active(pod)]
        minimum = daemon_set["spec"].get("minReadySeconds", 0)
        waits = [seconds_until_available(pod, minimum) for pod in pods]
        available = sum(wait == 0 for wait in waits)
        status = {
            "currentNumberScheduled": len({pod["spec"]["nodeName"] for pod in pods}),
            "desiredNumberScheduled": len(nodes),
            "numberMisscheduled": sum(pod["spec"]["nodeName"] not in nodes for pod in pods),
            "numberReady": sum(is_ready(pod) for pod in pods),
            "observedGeneration": daemon_set["metadata"]["generation"],
            "updatedNumberScheduled": sum(self._is_updated(pod, revision) for pod in pods),
            "numberAvailable": available,
            "numberUnavailable": len(nodes) - available,
        }
        omitted = ("updatedNumberScheduled", "numberAvailable", "numberUnavailable")
        kept = {name: count for name, count in status.items() if count or name not in omitted}
        changed = clone(daemon_set) | {"status": kept}
        self._registry.update(DAEMONSETS, daemon_set, changed, subresource="status")
        made_from = {f"{name_of(daemon_set)}-{labels_of(pod).get(revisions.HASH_LABEL)}" for pod in pods}
        revisions.prune(self._registry, daemon_set, {name_of(revision), *made_from})
        return min((wait for wait in waits if wait), default=None)
