"""Show a workload as a `Scale` and take one back: the scale subresource."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.errors import bad_request
from sandbox.cluster.objects import Object, clone
from sandbox.cluster.resources import Resource
from sandbox.cluster.selectors import selector_text

_REPLICAS, _CURRENT = "specReplicasPath", "statusReplicasPath"


def scale_of(resource: Resource, workload: Object) -> Object:
    """Return the `Scale` of a workload."""
    metadata = workload["metadata"]
    shared = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = (workload.get("spec") or {}).get("selector")
    replicas = _at(workload, resource.scale_paths.get(_REPLICAS, ".spec.replicas"))
    current = _at(workload, resource.scale_paths.get(_CURRENT, ".status.replicas"))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in shared if field in metadata},
        "spec": {"replicas": replicas or 0},
        "status": {"replicas": current or 0, "selector": selector_text(selector)},
    }


def scaled(resource: Resource, workload: Object, scale: Object) -> Object:
    """Return the workload with a Scale's replicas, bound to its resourceVersion if it names one."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        raise bad_request(f"spec.replicas: Invalid value: {replicas!r}: must be greater than or equal to 0")
    changed: Object = clone(workload)
    changed["metadata"]["resourceVersion"] = (scale.get("metadata") or {}).get("resourceVersion") or ""
    *path, last = resource.scale_paths.get(_REPLICAS, ".spec.replicas").strip(".").split(".")
    place = changed
    for part in path:
        place = place.setdefault(part, {})
    place[last] = replicas
    return changed


def _at(obj: Any, path: str) -> Any:
    for part in path.strip(".").split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj
