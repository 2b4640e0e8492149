"""The Application objects: kept in memory, each write under a lock and with a new resource version."""

from __future__ import annotations

import copy
import itertools
import threading
import uuid
from collections.abc import Callable
from typing import TypeAlias

from sandbox.argocd.manifests import APPLICATIONS, HOME, Object, Ref
from sandbox.cluster.patches import merge

Key: TypeAlias = tuple[str, str]
"""The namespace and the name of an application."""


class Applications:
    """All applications, for any thread; what is handed out is a copy.

    `keeps_enabled` is whether ``automated.enabled`` is known: older servers drop fields that they do not.
    It is a destination too, since an application's manifests may be applications.
    """

    def __init__(self, *, keeps_enabled: bool) -> None:
        self._keeps_enabled = keeps_enabled
        self._lock = threading.RLock()
        self._objects: dict[Key, Object] = {}
        self._versions = itertools.count(1)

    def keys(self) -> list[Key]:
        with self._lock:
            return list(self._objects)

    def get(self, key: Key) -> Object | None:
        with self._lock:
            return copy.deepcopy(self._objects.get(key))

    def change(self, key: Key, edit: Callable[[Object], None]) -> Object | None:
        """Let `edit` change the application and keep what came of it; None when it is gone."""
        with self._lock:
            current = self._objects.get(key)
            if current is None:
                return None
            changed = copy.deepcopy(current)
            edit(changed)
            self._normalise(changed)
            if changed != current:
                changed["metadata"]["resourceVersion"] = str(next(self._versions))
                self._objects[key] = changed
            return copy.deepcopy(changed)

    def create(self, obj: Object) -> None:
        """Add an application, in Argo CD's own namespace unless it names another."""
        new = copy.deepcopy(obj)
        new.setdefault("status", {})
        api_version, kind = APPLICATIONS
        new |= {"apiVersion": api_version, "kind": kind}
        metadata = new["metadata"] = {"namespace": HOME, "uid": str(uuid.uuid4()), **new["metadata"]}
        with self._lock:
            metadata["resourceVersion"] = str(next(self._versions))
            self._normalise(new)
            self._objects[metadata["namespace"], metadata["name"]] = new

    def find(self, ref: Ref) -> Object | None:
        return self.get((ref.namespace, ref.name))

    def patch(self, ref: Ref, patch: Object, *, dry_run: bool = False) -> Object:
        key = (ref.namespace, ref.name)
        if not dry_run:
            self.change(key, lambda app: app.update(merge(app, patch)))
        would_be: Object = merge(self.get(key), {} if not dry_run else patch)
        self._normalise(would_be)
        return would_be

    def delete(self, ref: Ref) -> None:
        with self._lock:
            self._objects.pop((ref.namespace, ref.name), None)

    def _normalise(self, app: Object) -> None:
        """Bring an application into the form that its Go type gives it."""
        for field in ("labels", "annotations"):
            if not app["metadata"].get(field, True):
                del app["metadata"][field]
        spec = app["spec"]
        spec.setdefault("project", "default")
        policy = spec.get("syncPolicy") or {}
        if policy.get("automated") and not self._keeps_enabled:
            policy["automated"].pop("enabled", None)
        if not policy or policy == {"automated": None}:
            spec.pop("syncPolicy", None)


def automated(app: Object) -> Object | None:
    """Return the settings of automated sync where it is on."""
    found: Object | None = (app["spec"].get("syncPolicy") or {}).get("automated")
    return found if found is not None and found.get("enabled", True) else None
