"""Make pods for a workload and find them again."""

from __future__ import annotations

from sandbox.cluster.objects import (
    Object,
    clone,
    controller_reference,
    is_active,
    is_controlled_by,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import PODS, Resource
from sandbox.cluster.storage import Change, Key


def pods_of(registry: Registry, owner: Object) -> list[Object]:
    """Return the pods that the owner controls, those being deleted too, oldest first."""
    owned = registry.storage.owned_by(owner["metadata"]["uid"])
    return [obj for kind, obj in owned if kind == PODS.qualified and is_controlled_by(obj, owner)]


def active_pods_of(registry: Registry, owner: Object) -> list[Object]:
    return [pod for pod in pods_of(registry, owner) if is_active(pod)]


def pod_from(template: Object, owner: Object, *, name: str = "") -> Object:
    """Return a pod of the template; without a name the server makes one from the owner's."""
    metadata = {
        key: clone(value) for key, value in template["metadata"].items() if key in ("labels", "annotations")
    }
    metadata |= {"name": name} if name else {"generateName": f"{name_of(owner)}-"}
    metadata |= {"namespace": namespace_of(owner), "ownerReferences": [controller_reference(owner)]}
    return {"metadata": metadata, "spec": clone(template["spec"])}


def own_or_owner_key(change: Change, resource: Resource) -> Key | None:
    """Return the key of the changed object, or of its controller, if it is of the given kind."""
    obj = change.obj
    if change.resource == resource.qualified:
        return namespace_of(obj), name_of(obj)
    for owner in obj["metadata"].get("ownerReferences") or []:
        if owner.get("controller") and owner["kind"] == resource.kind:
            return namespace_of(obj), owner["name"]
    return None
