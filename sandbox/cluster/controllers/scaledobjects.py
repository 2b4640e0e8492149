"""Write the autoscaler of each ScaledObject and put it back when someone else changes it: KEDA's operator.

As KEDA's `controllers/keda/hpa.go` does, without triggers: the bounds are all there is.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster import custom
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_of,
    controller_reference,
    is_deleting,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import AUTOSCALERS, Catalogue
from sandbox.cluster.storage import Change, Key

LARGEST = 100


class ScaledObjects:
    """Keep one HorizontalPodAutoscaler, ``keda-hpa-NAME``, as each ScaledObject says."""

    def __init__(self, registry: Registry, catalogue: Catalogue) -> None:
        self._registry = registry
        self._catalogue = catalogue

    def keys(self, change: Change) -> Iterable[Key]:
        resource = custom.scaled_objects(self._catalogue)
        if resource is None:
            return
        owner = controller_of(change.obj)
        if change.resource == resource.qualified:
            yield namespace_of(change.obj), name_of(change.obj)
        elif change.resource == AUTOSCALERS.qualified and owner and owner["kind"] == resource.kind:
            yield namespace_of(change.obj), owner["name"]

    def reconcile(self, key: Key) -> float | None:
        resource = custom.scaled_objects(self._catalogue)
        found = self._registry.storage.find(resource, *key) if resource else None
        if resource is None or found is None or is_deleting(found):
            return None
        wanted = _autoscaler(found)
        kept = self._registry.storage.find(AUTOSCALERS, key[0], name_of(wanted))
        if kept is None:
            self._registry.create(AUTOSCALERS, key[0], wanted)
        elif any(kept["spec"].get(part) != value for part, value in wanted["spec"].items()):
            put_back = clone(kept)
            put_back["spec"] |= wanted["spec"]
            self._registry.update(AUTOSCALERS, kept, put_back)
        status = {**found["status"], "hpaName": name_of(wanted)}
        self._registry.update(resource, found, clone(found) | {"status": status}, subresource="status")
        return None


def _autoscaler(scaled: Object) -> Object:
    spec, target = scaled["spec"], scaled["spec"]["scaleTargetRef"]
    most = spec.get("maxReplicaCount")
    return {
        "metadata": {
            "name": f"keda-hpa-{name_of(scaled)}",
            "annotations": clone(annotations_of(scaled)),
            "ownerReferences": [controller_reference(scaled)],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment"} | target,
            "minReplicas": spec.get("minReplicaCount") or 1,
            "maxReplicas": LARGEST if most is None else most,
        },
    }
