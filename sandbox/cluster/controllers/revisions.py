"""Keep the rollout history of StatefulSets and DaemonSets in ControllerRevisions."""

from __future__ import annotations

from collections.abc import Collection

from sandbox.cluster.controllers.hashes import template_hash
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_reference,
    is_controlled_by,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import CONTROLLERREVISIONS

HASH_LABEL = "controller-revision-hash"


def content(workload: Object) -> Object:
    """Return a revision's data: a strategic merge patch that puts the workload's present template back."""
    template = clone(workload["spec"]["template"]) | {"$patch": "replace"}
    return {"spec": {"template": template}}


def read(registry: Registry, workload: Object) -> list[Object]:
    """Return the workload's revisions, the lowest number first."""
    kept = registry.storage.objects(CONTROLLERREVISIONS, namespace_of(workload))
    return sorted(
        (one for one in kept if is_controlled_by(one, workload)), key=lambda one: int(one["revision"])
    )


def current(registry: Registry, workload: Object) -> Object:
    """Return the revision of the present template; an old one that is used again takes the highest number."""
    known = read(registry, workload)
    wanted = content(workload)
    highest = known[-1]["revision"] if known else 0
    same = next((one for one in known if one["data"] == wanted), None)
    if same is None:
        return _create(registry, workload, wanted, highest + 1)
    if same is known[-1]:
        return same
    return registry.update(CONTROLLERREVISIONS, same, clone(same) | {"revision": highest + 1})


def _create(registry: Registry, workload: Object, data: Object, number: int) -> Object:
    digest = template_hash(workload["spec"]["template"])
    labels = workload["spec"]["template"]["metadata"].get("labels") or {}
    revision = {
        "metadata": {
            "name": f"{name_of(workload)}-{digest}",
            "labels": labels | {"controller.kubernetes.io/hash": digest},
            "annotations": clone(annotations_of(workload)),
            "ownerReferences": [controller_reference(workload)],
        },
        "data": data,
        "revision": number,
    }
    return registry.create(CONTROLLERREVISIONS, namespace_of(workload), revision)


def hash_of(revision: Object) -> str:
    return labels_of(revision)["controller.kubernetes.io/hash"]


def prune(registry: Registry, workload: Object, in_use: Collection[str]) -> None:
    """Delete the lowest revisions beyond `revisionHistoryLimit`, never one whose name is in use."""
    idle = [one for one in read(registry, workload) if name_of(one) not in in_use]
    for revision in idle[: max(0, len(idle) - workload["spec"]["revisionHistoryLimit"])]:
        registry.delete(CONTROLLERREVISIONS, revision)
