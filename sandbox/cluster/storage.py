"""Keep every object and tell every change: the stand-in for etcd and its watch cache."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sandbox.cluster.errors import gone, not_found
from sandbox.cluster.objects import Object, clone, name_of, namespace_of, uid_of
from sandbox.cluster.resources import Resource

Key: TypeAlias = tuple[str, str]
KEPT_CHANGES = 20_000


@dataclass(frozen=True, kw_only=True)
class Change:
    """One committed write; `obj` is the object after it, or as it was last when it is gone."""

    action: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    obj: Object
    before: Object | None
    revision: int


class Storage:
    """Hold objects by `Resource.qualified`, then by (namespace, name).

    What is handed out is the kept object itself: readers copy before they change anything. One thread,
    the server's, does all reading and writing, so that a write and its checks need no lock.
    """

    def __init__(self, kept_changes: int = KEPT_CHANGES) -> None:
        self.revision = 1
        self._objects: dict[str, dict[Key, Object]] = {}
        self._owned: dict[str, dict[str, tuple[str, Key]]] = {}
        self._changes: deque[Change] = deque(maxlen=kept_changes)
        self._listeners: list[Callable[[Change], None]] = []

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._objects.get(resource.qualified, {}).get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.find(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def objects(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Return the objects of one namespace, or of all when it is empty, oldest first."""
        kept = self._objects.get(resource.qualified, {})
        return [obj for (where, _), obj in kept.items() if not namespace or where == namespace]

    def owned_by(self, owner_uid: str) -> list[tuple[str, Object]]:
        """Return what names this owner, each with its `Resource.qualified`, oldest first."""
        owned = self._owned.get(owner_uid, {}).values()
        return [(resource, self._objects[resource][key]) for resource, key in owned]

    def inside(self, namespace: str) -> list[tuple[str, Object]]:
        """Return everything in a namespace, each with its `Resource.qualified`."""
        kept = self._objects.items()
        return [(resource, obj) for resource, all_of in kept for (where, _), obj in all_of.items()
                if where == namespace]  # fmt: skip

    def put(self, resource: Resource, obj: Object) -> Object:
        """Keep a new or changed object under the next resourceVersion and tell the listeners."""
        key = (namespace_of(obj), name_of(obj))
        kept = self._objects.setdefault(resource.qualified, {})
        before = kept.get(key)
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        kept[key] = obj
        self._index(resource, before, obj)
        self._tell("MODIFIED" if before else "ADDED", resource, obj, before)
        return obj

    def remove(self, resource: Resource, obj: Object) -> Object:
        """Forget an object; watchers see it under the resourceVersion of its deletion."""
        before = self._objects[resource.qualified].pop((namespace_of(obj), name_of(obj)))
        self._index(resource, before, None)
        self.revision += 1
        last = clone(before)
        last["metadata"]["resourceVersion"] = str(self.revision)
        self._tell("DELETED", resource, last, before)
        return before

    def since(self, revision: int) -> list[Change]:
        """Return the changes after a resourceVersion; 410 when it is older than what is kept."""
        oldest = self._changes[0].revision if self._changes else self.revision + 1
        if revision < oldest - 1 and len(self._changes) == self._changes.maxlen:
            raise gone(revision)
        return [change for change in self._changes if change.revision > revision]

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call the listener with every change from now on; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(
        self,
        action: Literal["ADDED", "MODIFIED", "DELETED"],
        resource: Resource,
        obj: Object,
        before: Object | None,
    ) -> None:
        change = Change(
            action=action, resource=resource.qualified, obj=obj, before=before, revision=self.revision
        )
        self._changes.append(change)
        for listener in tuple(self._listeners):
            listener(change)

    def _index(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        for owner in (before or {"metadata": {}})["metadata"].get("ownerReferences") or []:
            self._owned.get(owner["uid"], {}).pop(uid_of(before or {}), None)
        for owner in (after or {"metadata": {}})["metadata"].get("ownerReferences") or []:
            assert after is not None
            key = (namespace_of(after), name_of(after))
            self._owned.setdefault(owner["uid"], {})[uid_of(after)] = (resource.qualified, key)
