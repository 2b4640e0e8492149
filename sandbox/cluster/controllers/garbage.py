"""Delete what has lost its owner, and what is in a namespace that ends: the garbage collector."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.objects import Object, clone, is_deleting, name_of, namespace_of, uid_of
from sandbox.cluster.registry import FOREGROUND, Registry
from sandbox.cluster.resources import NAMESPACES
from sandbox.cluster.storage import Change, Key


class Garbage:
    """Follow owner references when an owner goes, or waits for its dependents to go first."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._waiting: dict[str, tuple[str, Key]] = {}

    def keys(self, change: Change) -> Iterable[Key]:
        """Yield uids of owners, as keys with no namespace."""
        obj = change.obj
        if change.action == "DELETED":
            yield "", uid_of(obj)
            owners = obj["metadata"].get("ownerReferences") or []
            yield from (("", owner["uid"]) for owner in owners if owner["uid"] in self._waiting)
        elif FOREGROUND in (obj["metadata"].get("finalizers") or []):
            self._waiting[uid_of(obj)] = (change.resource, (namespace_of(obj), name_of(obj)))
            yield "", uid_of(obj)

    def reconcile(self, key: Key) -> float | None:
        _, owner_uid = key
        waiting = self._waiting.get(owner_uid)
        dependents = self._storage.owned_by(owner_uid)
        for qualified, dependent in dependents:
            if not is_deleting(dependent) and not self._has_other_owner(dependent, owner_uid):
                policy = "Foreground" if waiting else "Background"
                self._registry.delete(self._registry.resource_named(qualified), dependent, policy=policy)
        if waiting and not self._storage.owned_by(owner_uid):
            del self._waiting[owner_uid]
            self._let_go(*waiting)
        return None

    def _has_other_owner(self, dependent: Object, owner_uid: str) -> bool:
        others = {one["uid"] for one in dependent["metadata"]["ownerReferences"]} - {owner_uid}
        return any(uid_of(obj) in others for _, obj in self._storage.inside(namespace_of(dependent)))

    def _let_go(self, qualified: str, key: Key) -> None:
        resource = self._registry.resource_named(qualified)
        owner = self._storage.find(resource, *key)
        if owner is not None:
            freed = clone(owner)
            freed["metadata"]["finalizers"] = [
                one for one in owner["metadata"]["finalizers"] if one != FOREGROUND
            ]
            self._registry.update(resource, owner, freed)


class Namespaces:
    """Empty a namespace that is being deleted, then let it go."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._storage = registry.storage

    def keys(self, change: Change) -> Iterable[Key]:
        name = name_of(change.obj) if change.resource == NAMESPACES.qualified else namespace_of(change.obj)
        namespace = self._storage.find(NAMESPACES, "", name)
        if namespace is not None and is_deleting(namespace):
            yield "", name

    def reconcile(self, key: Key) -> float | None:
        namespace = self._storage.find(NAMESPACES, *key)
        if namespace is None:
            return None
        for qualified, obj in self._storage.inside(name_of(namespace)):
            if not is_deleting(obj):
                self._registry.delete(self._registry.resource_named(qualified), obj)
        if not self._storage.inside(name_of(namespace)):
            self._storage.remove(NAMESPACES, namespace)
        return None
