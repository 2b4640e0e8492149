"""Roll StatefulSets out, one ordinal after the other: the statefulset controller."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.cluster.controllers import revisions
from sandbox.cluster.controllers.ownership import own_or_owner_key, pod_from, pods_of
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import (
    Object,
    clone,
    is_deleting,
    is_ready,
    labels_of,
    name_of,
    namespace_of,
    seconds_until_available,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import CONTROLLERREVISIONS, PODS, STATEFULSETS
from sandbox.cluster.storage import Change, Key

POD_NAME = "statefulset.kubernetes.io/pod-name"


def ordinal_of(pod: Object) -> int:
    return int(name_of(pod).rpartition("-")[2])


def revision_name(pod: Object) -> str:
    """Return the name of the revision that a pod was made from; the label holds it whole."""
    return labels_of(pod).get(revisions.HASH_LABEL, "")


class StatefulSets:
    """Create, replace and remove pods in the order that `podManagementPolicy` and the partition allow.

    With OrderedReady a pod that is not ready stops everything behind it, its own replacement too: a
    template put right does not help until somebody deletes the broken pod.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._recorder = Recorder(registry, "statefulset-controller")

    def keys(self, change: Change) -> Iterable[Key]:
        key = own_or_owner_key(change, STATEFULSETS)
        if key is not None and change.resource != CONTROLLERREVISIONS.qualified:
            yield key

    def reconcile(self, key: Key) -> float | None:
        stateful_set = self._storage.find(STATEFULSETS, *key)
        if stateful_set is None or is_deleting(stateful_set):
            return None
        update = revisions.current(self._registry, stateful_set)
        known = {name_of(one): one for one in revisions.read(self._registry, stateful_set)}
        current = known.get(stateful_set["status"].get("currentRevision", ""), update)
        self._replace_finished(stateful_set)
        self._advance(stateful_set, current, update)
        return self._write_status(stateful_set, current, update)

    def _pods(self, stateful_set: Object) -> list[Object]:
        pattern = re.compile(re.escape(name_of(stateful_set)) + r"-\d+")
        owned = pods_of(self._registry, stateful_set)
        return sorted((pod for pod in owned if pattern.fullmatch(name_of(pod))), key=ordinal_of)

    def _replace_finished(self, stateful_set: Object) -> None:
        for pod in self._pods(stateful_set):
            if pod["status"]["phase"] in ("Failed", "Succeeded") and not is_deleting(pod):
                self._registry.delete(PODS, pod)

    def _advance(self, stateful_set: Object, current: Object, update: Object) -> None:
        spec = stateful_set["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        start = (spec.get("ordinals") or {}).get("start", 0)
        pods = {ordinal_of(pod): pod for pod in self._pods(stateful_set)}
        wanted = range(start, start + spec["replicas"])
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None:
                pods[ordinal] = self._create(stateful_set, ordinal, current, update)
                if ordered:
                    return
            elif ordered and not self._is_available(spec, pod):
                return
        surplus = sorted((ordinal for ordinal in pods if ordinal not in wanted), reverse=True)
        if self._remove(stateful_set, [pods[ordinal] for ordinal in surplus], ordered=ordered):
            return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            partition = spec["updateStrategy"]["rollingUpdate"]["partition"]
            candidates = [pods[ordinal] for ordinal in reversed(wanted) if ordinal >= partition]
            self._update(stateful_set, candidates, update)

    def _is_available(self, spec: Object, pod: Object) -> bool:
        return not is_deleting(pod) and seconds_until_available(pod, spec.get("minReadySeconds", 0)) == 0

    def _remove(self, stateful_set: Object, surplus: list[Object], *, ordered: bool) -> bool:
        """Delete pods beyond the size, the highest first; returns whether ordering makes everything wait."""
        for pod in surplus:
            if not is_deleting(pod):
                self._delete(stateful_set, pod)
            if ordered:
                return True
        return False

    def _update(self, stateful_set: Object, candidates: list[Object], update: Object) -> None:
        """Replace the highest pod of another revision, if all above it are healthy."""
        for pod in candidates:
            if revision_name(pod) != name_of(update) and not is_deleting(pod):
                self._delete(stateful_set, pod)
                return
            if is_deleting(pod) or not is_ready(pod):
                return

    def _create(self, stateful_set: Object, ordinal: int, current: Object, update: Object) -> Object:
        strategy = stateful_set["spec"]["updateStrategy"]
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        revision = current if strategy["type"] == "RollingUpdate" and ordinal < partition else update
        template = clone(revision["data"]["spec"]["template"])
        template.pop("$patch")
        name = f"{name_of(stateful_set)}-{ordinal}"
        pod = pod_from(template, stateful_set, name=name)
        pod["metadata"].setdefault("labels", {}).update(
            {
                revisions.HASH_LABEL: name_of(revision),
                POD_NAME: name,
                "apps.kubernetes.io/pod-index": str(ordinal),
            }
        )
        pod["spec"] |= {"hostname": name, "subdomain": stateful_set["spec"].get("serviceName", "")}
        created = self._registry.create(PODS, namespace_of(stateful_set), pod)
        text = f"create Pod {name} in StatefulSet {name_of(stateful_set)} successful"
        self._recorder.record(stateful_set, "SuccessfulCreate", text)
        return created

    def _delete(self, stateful_set: Object, pod: Object) -> None:
        self._registry.delete(PODS, pod)
        text = f"delete Pod {name_of(pod)} in StatefulSet {name_of(stateful_set)} successful"
        self._recorder.record(stateful_set, "SuccessfulDelete", text)

    def _write_status(self, stateful_set: Object, current: Object, update: Object) -> float | None:
        spec, pods = stateful_set["spec"], self._pods(stateful_set)
        living = [pod for pod in pods if not is_deleting(pod)]
        waits = [seconds_until_available(pod, spec.get("minReadySeconds", 0)) for pod in living]
        ready = sum(is_ready(pod) for pod in pods)
        updated = sum(revision_name(pod) == name_of(update) for pod in living)
        rolling = spec["updateStrategy"]["type"] == "RollingUpdate"
        if rolling and updated == ready == len(pods) == spec["replicas"]:
            current = update
        counts = {
            "readyReplicas": ready,
            "currentReplicas": sum(revision_name(pod) == name_of(current) for pod in living),
            "updatedReplicas": updated,
        }
        status: Object = {"observedGeneration": stateful_set["metadata"]["generation"], "replicas": len(pods)}
        status |= {name: count for name, count in counts.items() if count}
        status |= {
            "availableReplicas": sum(wait == 0 for wait in waits),
            "currentRevision": name_of(current),
            "updateRevision": name_of(update),
            "collisionCount": 0,
        }
        changed = stateful_set | {"status": status}
        self._registry.update(STATEFULSETS, stateful_set, changed, subresource="status")
        in_use = {name_of(current), name_of(update), *map(revision_name, pods)}
        revisions.prune(self._registry, stateful_set, in_use)
        return min((wait for wait in waits if wait), default=None)
