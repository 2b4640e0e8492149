"""Hold workloads between an autoscaler's bounds: the horizontal pod autoscaler without its metrics."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import Object, clone, name_of, namespace_of, timestamp
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import AUTOSCALERS, Catalogue, Resource
from sandbox.cluster.storage import Change, Key


class Autoscalers:
    """Look at each autoscaler every `interval_seconds`; a scale by hand outside the bounds is undone then.

    A workload at 0 replicas is left alone, as scaling to 0 is how people switch an autoscaler off.
    """

    def __init__(self, registry: Registry, catalogue: Catalogue, *, interval_seconds: float) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._interval_seconds = interval_seconds
        self._recorder = Recorder(registry, "horizontal-pod-autoscaler")

    def keys(self, change: Change) -> Iterable[Key]:
        if change.resource == AUTOSCALERS.qualified and change.action == "ADDED":
            yield namespace_of(change.obj), name_of(change.obj)

    def reconcile(self, key: Key) -> float | None:
        autoscaler = self._registry.storage.find(AUTOSCALERS, *key)
        if autoscaler is None:
            return None
        reference = autoscaler["spec"]["scaleTargetRef"]
        resource = self._catalogue.of_kind(reference["apiVersion"], reference["kind"])
        target = self._registry.storage.find(resource, key[0], reference["name"]) if resource else None
        if resource is None or target is None:
            text = f"unable to get the target's current scale: {reference['name']} not found"
            self._write_status(autoscaler, {}, [_condition("AbleToScale", "False", "FailedGetScale", text)])
        else:
            self._hold(autoscaler, resource, target)
        return self._interval_seconds

    def _hold(self, autoscaler: Object, resource: Resource, target: Object) -> None:
        current = int(target["spec"].get("replicas", 0))
        desired, limited = _bounded(current, autoscaler["spec"])
        counts: Object = {"currentReplicas": current, "desiredReplicas": desired}
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            off = _condition("ScalingActive", "False", "ScalingDisabled", text)
            self._write_status(autoscaler, counts, [off])
            return
        if desired != current:
            scaled = clone(target)
            scaled["spec"]["replicas"] = desired
            self._registry.update(resource, target, scaled)
            self._recorder.record(autoscaler, "SuccessfulRescale", f"New size: {desired}; reason: {limited}")
            counts["lastScaleTime"] = timestamp()
        able = _condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
        active = _condition(
            "ScalingActive", "True", "ValidMetricFound", "the HPA was able to compute the replicas"
        )
        reason = limited or "DesiredWithinRange"
        bounds = _condition(
            "ScalingLimited", "True" if limited else "False", reason, "the desired count was bounded"
        )
        self._write_status(autoscaler, counts, [able, active, bounds])

    def _write_status(self, autoscaler: Object, counts: Object, wanted: list[Object]) -> None:
        status = clone(autoscaler.get("status") or {})
        status |= {"currentReplicas": 0, "desiredReplicas": 0} | counts
        known = {(one["type"], one["status"], one["reason"]): one for one in status.get("conditions") or []}
        status["conditions"] = [known.get((one["type"], one["status"], one["reason"]), one) for one in wanted]
        self._registry.update(AUTOSCALERS, autoscaler, autoscaler | {"status": status}, subresource="status")


def _bounded(current: int, spec: Object) -> tuple[int, str]:
    """Return the size within the bounds, and the reason when that is not the present one."""
    if current > spec["maxReplicas"]:
        return int(spec["maxReplicas"]), "TooManyReplicas"
    if 0 < current < spec["minReplicas"]:
        return int(spec["minReplicas"]), "TooFewReplicas"
    return current, ""


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(),
    }
