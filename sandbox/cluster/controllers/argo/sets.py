"""Find, make and number the ReplicaSets of a Rollout (Argo's `rollout/sync.go` and `utils/annotations`)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster import defaults
from sandbox.cluster.controllers.hashes import template_hash
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_reference,
    is_controlled_by,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import REPLICASETS

HASH_LABEL = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
NOT_COPIED = frozenset({
    "kubectl.kubernetes.io/last-applied-configuration", REVISION, REVISION_HISTORY, DESIRED_REPLICAS,
})  # fmt: skip


@dataclass(frozen=True)
class Sets:
    """A Rollout's ReplicaSets: that of its present template, the stable one, and the others, oldest first."""

    new: Object | None
    stable: Object | None
    others: list[Object]

    @property
    def all(self) -> list[Object]:
        """Return each of them once."""
        stable = [self.stable] if self.stable is not None and self.stable is not self.new else []
        return [*self.others, *stable, *([self.new] if self.new is not None else [])]


def hash_of(replica_set: Object | None) -> str:
    return labels_of(replica_set).get(HASH_LABEL, "") if replica_set is not None else ""


def size(replica_set: Object | None) -> int:
    return int(replica_set["spec"]["replicas"]) if replica_set is not None else 0


def available(replica_set: Object | None) -> int:
    return int(replica_set["status"].get("availableReplicas", 0)) if replica_set is not None else 0


def read(registry: Registry, rollout: Object) -> Sets:
    """Read the ReplicaSets that the Rollout controls."""
    kept = registry.storage.objects(REPLICASETS, namespace_of(rollout))
    owned = [one for one in kept if is_controlled_by(one, rollout) and not is_deleting(one)]
    wanted = _comparable(rollout["spec"]["template"])
    new = next((one for one in owned if _comparable(one["spec"]["template"]) == wanted), None)
    stable_hash = rollout["status"].get("stableRS", "")
    stable = next((one for one in owned if stable_hash and hash_of(one) == stable_hash), None)
    return Sets(new, stable, [one for one in owned if one is not new and one is not stable])


def template_hash_of(rollout: Object) -> str:
    """Return the hash that a ReplicaSet of the Rollout's present template is named by."""
    return template_hash(_comparable(rollout["spec"]["template"]))


def _comparable(template: Object) -> Object:
    """Return the template with the API server's defaults, without the label that the controller adds.

    Defaults are not filled into a custom resource, and they are into a ReplicaSet.
    """
    filled: Object = defaults.filled(REPLICASETS, {"metadata": {}, "spec": {"template": template}})["spec"][
        "template"
    ]
    labels = filled["metadata"].get("labels") or {}
    filled["metadata"]["labels"] = {key: value for key, value in labels.items() if key != HASH_LABEL}
    return filled


def revision_of(obj: Object) -> int:
    return int(annotations_of(obj).get(REVISION, "0"))


def numbered(registry: Registry, rollout: Object, sets: Sets) -> Object:
    """Return the ReplicaSet of the present template, made if need be, with the highest revision."""
    others = [one for one in sets.all if one is not sets.new]
    highest = max(map(revision_of, others), default=0) + 1
    if sets.new is not None:
        return registry.update(REPLICASETS, sets.new, _annotated(rollout, sets.new, highest))
    digest = template_hash_of(rollout)
    template = clone(rollout["spec"]["template"])
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: digest}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = clone(rollout["spec"]["selector"])
    selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
    made = {
        "metadata": {
            "name": f"{name_of(rollout)}-{digest}",
            "labels": labels,
            "ownerReferences": [controller_reference(rollout)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }
    return registry.create(REPLICASETS, namespace_of(rollout), _annotated(rollout, made, highest))


def _annotated(rollout: Object, replica_set: Object, revision: int) -> Object:
    """Copy the Rollout's annotations over and raise the revision.

    The one before goes into the history, as the real controller has it also when only an annotation changed.
    """
    annotated: Object = clone(replica_set)
    annotations = annotated["metadata"].setdefault("annotations", {})
    before, present = dict(annotations), annotations.get(REVISION)
    annotations |= {key: value for key, value in annotations_of(rollout).items() if key not in NOT_COPIED}
    if int(present or "0") < revision:
        annotations[REVISION] = str(revision)
    if present is not None and annotations != before:
        earlier = annotations.get(REVISION_HISTORY)
        annotations[REVISION_HISTORY] = f"{earlier},{present}" if earlier else present
    return annotated


def prune(registry: Registry, rollout: Object, others: list[Object]) -> None:
    """Delete the oldest beyond `revisionHistoryLimit`, as far as they have no pods any more."""
    excess = len(others) - int(rollout["spec"].get("revisionHistoryLimit", 10))
    for one in others[: max(0, excess)]:
        if size(one) == 0 and one["status"].get("replicas", 0) == 0:
            registry.delete(REPLICASETS, one)
