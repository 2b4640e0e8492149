"""Read and make the JSON objects that the API server keeps.

Objects stay raw JSON from end to end, so that fields nobody here knows survive every read and write.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]


def clone(value: Any) -> Any:
    """Copy JSON deeply; several times faster than `copy.deepcopy`, which also looks for shared parts."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def timestamp(*, in_seconds: float = 0) -> str:
    """Return now, or a time from now, as Kubernetes writes times: UTC, whole seconds."""
    return (datetime.now(UTC) + timedelta(seconds=in_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_since(moment: str) -> float:
    """Return the seconds since a time written by `timestamp`; up to one too many, as it drops fractions."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def name_of(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def namespace_of(obj: Object) -> str:
    """Return the namespace, empty for an object that has none."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Object) -> str:
    return str(obj["metadata"]["uid"])


def labels_of(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_of(obj: Object) -> Object | None:
    """Return the owner reference of the one owner that controls the object."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def is_controlled_by(obj: Object, owner: Object) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == uid_of(owner)


def controller_reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def containers_of(template: Object) -> Iterator[Object]:
    """Yield the init containers and containers of a pod or a pod template."""
    spec = template.get("spec") or {}
    yield from spec.get("initContainers") or []
    yield from spec.get("containers") or []


def images_of(template: Object) -> dict[str, str]:
    """Return the image of each container by its name."""
    return {container["name"]: container.get("image", "") for container in containers_of(template)}


def condition_of(obj: Object, kind: str) -> Object | None:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), None)


def is_ready(pod: Object) -> bool:
    condition = condition_of(pod, "Ready")
    return condition is not None and condition["status"] == "True"


def is_finished(pod: Object) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Tell whether a pod still counts for its controller: neither finished nor being deleted."""
    return not is_finished(pod) and not is_deleting(pod)


def seconds_until_available(pod: Object, min_ready_seconds: int) -> float | None:
    """Return 0 for an available pod, the wait for one that is ready but too young, None for one not ready."""
    condition = condition_of(pod, "Ready")
    if condition is None or condition["status"] != "True":
        return None
    return max(0.0, min_ready_seconds - seconds_since(condition["lastTransitionTime"]))
