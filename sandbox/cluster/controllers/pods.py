"""Place pods on nodes and let their containers come up and go: scheduler and kubelet in one."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable

from sandbox.cluster.behaviours import Behaviours
from sandbox.cluster.controllers.containers import container_status, next_change_seconds, runs_to_its_end
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import (
    Object,
    clone,
    condition_of,
    is_active,
    is_deleting,
    is_finished,
    labels_of,
    name_of,
    namespace_of,
    timestamp,
    uid_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import NODES, PODS
from sandbox.cluster.storage import Change, Key


class Pods:
    """Schedule, start, crash and end pods, as the behaviours of their images say.

    Times within a pod's life are kept on the monotonic clock, as the timestamps in objects are too coarse.
    """

    def __init__(
        self, registry: Registry, behaviours: Behaviours, *, start_seconds: float, stop_seconds: float
    ) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._behaviours = behaviours
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._scheduled_at: dict[str, float] = {}
        self._ending_since: dict[str, float] = {}
        self._addresses = itertools.count(2)
        self._scheduler = Recorder(registry, "default-scheduler")
        self._kubelet = Recorder(registry, "kubelet")

    def keys(self, change: Change) -> Iterable[Key]:
        if change.resource == PODS.qualified:
            if change.action == "DELETED":
                self._scheduled_at.pop(uid_of(change.obj), None)
                self._ending_since.pop(uid_of(change.obj), None)
            else:
                yield namespace_of(change.obj), name_of(change.obj)
        elif change.resource == NODES.qualified:
            yield from self.keys_of(scheduled=False)

    def keys_of(self, *, scheduled: bool) -> list[Key]:
        pods = self._storage.objects(PODS)
        return [
            (namespace_of(pod), name_of(pod))
            for pod in pods
            if bool(pod["spec"].get("nodeName")) is scheduled
        ]

    def reconcile(self, key: Key) -> float | None:
        pod = self._storage.find(PODS, *key)
        if pod is None:
            return None
        if is_deleting(pod):
            return self._end(pod)
        if is_finished(pod):
            return None
        if not pod["spec"].get("nodeName"):
            placed = self._place(pod)
            if placed is None:
                return None
            pod = placed
        return self._run(pod)

    def _end(self, pod: Object) -> float | None:
        hangs = any(behaviour.hang_terminating for behaviour in self._behaviours.of_pod(pod))
        if hangs and pod["spec"].get("nodeName"):
            return None
        since = self._ending_since.setdefault(uid_of(pod), time.monotonic())
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds", 0))
        left = since + min(self._stop_seconds, grace) - time.monotonic()
        if left > 0 and pod["spec"].get("nodeName"):
            return left
        if not pod["metadata"].get("finalizers"):
            self._storage.remove(PODS, pod)
        return None

    def _place(self, pod: Object) -> Object | None:
        wanted = (pod["spec"].get("nodeSelector") or {}).items()
        nodes = self._storage.objects(NODES)
        fitting = [
            name_of(node) for node in nodes
            if wanted <= labels_of(node).items() and not node["spec"].get("unschedulable")
        ]  # fmt: skip
        no_room = any(behaviour.no_room for behaviour in self._behaviours.of_pod(pod))
        changed = clone(pod)
        if not fitting or no_room:
            why = "node(s) didn't match Pod's node affinity/selector."
            if fitting:
                why = f"{len(fitting)} Insufficient memory."
            text = f"0/{len(nodes)} nodes are available: {why}"
            _put_condition(changed, "PodScheduled", "False", "Unschedulable", text)
            self._registry.update(PODS, pod, changed, subresource="status")
            self._scheduler.record(pod, "FailedScheduling", text, "Warning")
            return None
        busy = Counter(one["spec"].get("nodeName") for one in self._storage.objects(PODS) if is_active(one))
        changed["spec"]["nodeName"] = min(fitting, key=lambda node: busy[node])
        placed = self._registry.update(PODS, pod, changed)
        text = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {placed['spec']['nodeName']}"
        self._scheduler.record(pod, "Scheduled", text)
        return placed

    def _run(self, pod: Object) -> float | None:
        age = time.monotonic() - self._scheduled_at.setdefault(uid_of(pod), time.monotonic())
        changed = clone(pod)
        status = changed["status"]
        status["containerStatuses"] = [
            container_status(
                pod, container, self._behaviours, age_seconds=age, default_start_seconds=self._start_seconds
            )
            for container in pod["spec"]["containers"]
        ]
        status.setdefault("startTime", timestamp())
        status["hostIP"] = self._address_of(pod["spec"]["nodeName"])
        if "podIP" not in status:
            number = next(self._addresses)
            status["podIP"] = f"10.244.{number // 250 % 250}.{number % 250 + 1}"
        _sum_up(changed)
        written = self._registry.update(PODS, pod, changed, subresource="status")
        self._tell(pod, written)
        return next_change_seconds(pod, self._behaviours, age_seconds=age, default=self._start_seconds)

    def _address_of(self, node_name: str) -> str:
        node = self._storage.find(NODES, "", node_name) or {"status": {}}
        addresses = node["status"].get("addresses") or []
        return next((one["address"] for one in addresses if one["type"] == "InternalIP"), "")

    def _tell(self, before: Object, after: Object) -> None:
        known = {one["name"]: one for one in before["status"].get("containerStatuses") or []}
        for status in after["status"]["containerStatuses"]:
            waiting = status["state"].get("waiting") or {}
            if status == known.get(status["name"]):
                continue
            if "running" in status["state"] and not status["ready"] and not runs_to_its_end(after):
                text = "Readiness probe failed: HTTP probe failed with statuscode: 503"
                self._kubelet.record(after, "Unhealthy", text, "Warning")
            if "message" not in waiting:
                continue
            if waiting["reason"] == "ImagePullBackOff":
                self._kubelet.record(
                    after, "Failed", f'Failed to pull image "{status["image"]}": not found', "Warning"
                )
                self._kubelet.record(after, "BackOff", waiting["message"])
            else:
                text = f"Back-off restarting failed container {status['name']} in pod {name_of(after)}"
                self._kubelet.record(after, "BackOff", text, "Warning")


def _sum_up(pod: Object) -> None:
    """Set the phase and the conditions from the container statuses."""
    containers = pod["status"]["containerStatuses"]
    up = all("waiting" not in one["state"] or one["restartCount"] for one in containers)
    unready = [one["name"] for one in containers if not one["ready"]]
    codes = [one["state"]["terminated"]["exitCode"] for one in containers if "terminated" in one["state"]]
    if len(codes) == len(containers):
        pod["status"]["phase"] = "Failed" if any(codes) else "Succeeded"
    else:
        pod["status"]["phase"] = "Running" if up else "Pending"
    for kind in ("PodScheduled", "Initialized"):
        _put_condition(pod, kind, "True")
    for kind in ("ContainersReady", "Ready"):
        if unready:
            text = f"containers with unready status: [{' '.join(unready)}]"
            _put_condition(pod, kind, "False", "ContainersNotReady", text)
        else:
            _put_condition(pod, kind, "True")


def _put_condition(pod: Object, kind: str, status: str, reason: str = "", message: str = "") -> None:
    before = condition_of(pod, kind)
    same = before is not None and before["status"] == status
    moment = before["lastTransitionTime"] if before is not None and same else timestamp()
    new = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": moment}
    new |= {name: text for name, text in (("reason", reason), ("message", message)) if text}
    others = [one for one in pod["status"].get("conditions") or [] if one["type"] != kind]
    pod["status"]["conditions"] = [*others, new]
