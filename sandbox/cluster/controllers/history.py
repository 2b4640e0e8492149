"""Find, make and number the ReplicaSets of a Deployment: its rollout history.

As kube-controller-manager keeps it (`deployment/sync.go`, `deployment_util.go`): one ReplicaSet for each
template; one that is used again takes the next revision and remembers its earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.cluster.controllers import conditions, rolling
from sandbox.cluster.controllers.hashes import HASH_LABEL, template_hash, with_hash, without_hash
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_of,
    controller_reference,
    is_controlled_by,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import DEPLOYMENTS, REPLICASETS
from sandbox.cluster.selectors import selects

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
NOT_COPIED = frozenset({
    "kubectl.kubernetes.io/last-applied-configuration", REVISION, REVISION_HISTORY,
    rolling.DESIRED_REPLICAS, rolling.MAX_REPLICAS, "deprecated.deployment.rollback.rollbackTo",
})  # fmt: skip


@dataclass(frozen=True)
class History:
    """A Deployment's ReplicaSets: that of its present template, if any, and the others, oldest first."""

    new: Object | None
    old: list[Object]

    @property
    def all(self) -> list[Object]:
        return [*self.old, self.new] if self.new else self.old


def revision_of(replica_set: Object) -> int:
    return int(annotations_of(replica_set).get(REVISION, "0"))


def read(registry: Registry, deployment: Object) -> History:
    """Read the history, oldest first; ReplicaSets that match and have no owner are taken over."""
    owned = []
    for one in registry.storage.objects(REPLICASETS, namespace_of(deployment)):
        if is_controlled_by(one, deployment):
            owned.append(one)
        elif controller_of(one) is None and selects(deployment["spec"]["selector"], labels_of(one)):
            owned.append(_adopt(registry, one, deployment))
    owned = [one for one in owned if not is_deleting(one)]
    wanted = without_hash(deployment["spec"]["template"])
    new = next((one for one in owned if without_hash(one["spec"]["template"]) == wanted), None)
    return History(new=new, old=[one for one in owned if one is not new])


def _adopt(registry: Registry, orphan: Object, deployment: Object) -> Object:
    adopted = clone(orphan)
    adopted["metadata"].setdefault("ownerReferences", []).append(controller_reference(deployment))
    return registry.update(REPLICASETS, orphan, adopted)


def number_new(registry: Registry, deployment: Object, history: History, *, create: bool) -> Object | None:
    """Give the new ReplicaSet the highest revision and the Deployment that number too.

    A missing one is made when `create` says so; returns the ReplicaSet, None when there is none.
    """
    highest = max(map(revision_of, history.old), default=0)
    if history.new is not None:
        numbered = _annotated(deployment, history.new, highest + 1)
        if deployment["spec"].get("minReadySeconds"):
            numbered["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
        else:
            numbered["spec"].pop("minReadySeconds", None)
        new = registry.update(REPLICASETS, history.new, numbered)
        reason, verb = conditions.FOUND_REPLICA_SET, "Found new replica set"
    elif create:
        new = _create(registry, deployment, history, highest + 1)
        reason, verb = conditions.NEW_REPLICA_SET, "Created new replica set"
    else:
        return None
    _note_on_deployment(registry, deployment, new, reason, f'{verb} "{name_of(new)}"')
    return new


def _note_on_deployment(
    registry: Registry, deployment: Object, new: Object, reason: str, message: str
) -> None:
    noted = clone(deployment)
    noted["metadata"].setdefault("annotations", {})[REVISION] = annotations_of(new)[REVISION]
    made = reason == conditions.NEW_REPLICA_SET
    if made or conditions.find(noted["status"], conditions.PROGRESSING) is None:
        conditions.put(noted["status"], conditions.condition(conditions.PROGRESSING, "True", reason, message))
    # Through the status subresource, as the real controller writes: generation stays where it is.
    registry.update(DEPLOYMENTS, deployment, noted, subresource="status")


def _annotated(deployment: Object, replica_set: Object, revision: int) -> Object:
    """Copy the Deployment's annotations over; a revision that rises leaves the one before in the history."""
    annotated: Object = clone(replica_set)
    annotations = annotated["metadata"].setdefault("annotations", {})
    annotations |= {key: value for key, value in annotations_of(deployment).items() if key not in NOT_COPIED}
    before = annotations.get(REVISION)
    if int(before or "0") < revision:
        annotations[REVISION] = str(revision)
        if before is not None:
            earlier = annotations.get(REVISION_HISTORY)
            annotations[REVISION_HISTORY] = f"{earlier},{before}" if earlier else before
    return annotated


def _create(registry: Registry, deployment: Object, history: History, revision: int) -> Object:
    spec, namespace = deployment["spec"], namespace_of(deployment)
    collisions = 0
    digest = template_hash(spec["template"])
    while registry.storage.find(REPLICASETS, namespace, f"{name_of(deployment)}-{digest}"):
        collisions += 1
        digest = template_hash(spec["template"], collisions)
    template = with_hash(spec["template"], digest)
    selector = clone(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
    replica_set = {
        "metadata": {
            "name": f"{name_of(deployment)}-{digest}",
            "labels": template["metadata"]["labels"],
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {
            "replicas": rolling.new_size(spec, None, history.old),
            "selector": selector,
            "template": template,
        },
    }
    if spec.get("minReadySeconds"):
        replica_set["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    annotated = _annotated(deployment, replica_set, revision)
    annotated["metadata"]["annotations"] |= size_annotations(spec)
    return registry.create(REPLICASETS, namespace, annotated)


def size_annotations(spec: Object) -> dict[str, str]:
    """Return what a ReplicaSet says of the Deployment's size when it is scaled."""
    surge, _ = rolling.surge_and_unavailable(spec)
    return {
        rolling.DESIRED_REPLICAS: str(spec["replicas"]),
        rolling.MAX_REPLICAS: str(spec["replicas"] + surge),
    }


def prune(registry: Registry, deployment: Object, old: Sequence[Object]) -> None:
    """Delete the lowest revisions beyond `revisionHistoryLimit`, as far as they have no pods any more."""
    excess = len(old) - deployment["spec"]["revisionHistoryLimit"]
    for replica_set in sorted(old, key=revision_of)[: max(0, excess)]:
        if rolling.size(replica_set) == 0 and replica_set["status"].get("replicas", 0) == 0:
            registry.delete(REPLICASETS, replica_set)
