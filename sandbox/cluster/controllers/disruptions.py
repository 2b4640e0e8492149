"""Count what PodDisruptionBudgets allow: the disruption controller."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers.rolling import resolve
from sandbox.cluster.objects import (
    Object,
    clone,
    controller_of,
    is_active,
    is_ready,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import DISRUPTION_BUDGETS, PODS
from sandbox.cluster.selectors import selects
from sandbox.cluster.storage import Change, Key, Storage


class Disruptions:
    """Keep the status of each PodDisruptionBudget, which the eviction subresource goes by."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def keys(self, change: Change) -> Iterable[Key]:
        if change.resource in (PODS.qualified, DISRUPTION_BUDGETS.qualified):
            budgets = self._registry.storage.objects(DISRUPTION_BUDGETS, namespace_of(change.obj))
            yield from ((namespace_of(budget), name_of(budget)) for budget in budgets)

    def reconcile(self, key: Key) -> float | None:
        budget = self._registry.storage.find(DISRUPTION_BUDGETS, *key)
        if budget is not None:
            changed = clone(budget) | {"status": status_of(self._registry.storage, budget)}
            self._registry.update(DISRUPTION_BUDGETS, budget, changed, subresource="status")
        return None


def status_of(storage: Storage, budget: Object) -> Object:
    """Count the budget's pods now; percentages are of what the pods' controllers ask for, rounded up."""
    spec = budget["spec"]
    pods = [
        pod for pod in storage.objects(PODS, namespace_of(budget))
        if is_active(pod) and selects(spec.get("selector"), labels_of(pod))
    ]  # fmt: skip
    healthy = sum(is_ready(pod) for pod in pods)
    expected = _expected(storage, pods)
    if "maxUnavailable" in spec:
        desired = max(0, expected - resolve(spec["maxUnavailable"], expected, round_up=True))
    else:
        desired = resolve(spec.get("minAvailable", 1), expected, round_up=True)
    return {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": max(0, healthy - desired),
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }


def _expected(storage: Storage, pods: list[Object]) -> int:
    """Add up the sizes of the pods' controllers; a pod without one counts for itself."""
    sizes: dict[str, int] = {}
    for pod in pods:
        owner = controller_of(pod)
        if owner is None:
            sizes[name_of(pod)] = 1
            continue
        kept = storage.inside(namespace_of(pod))
        found = next((obj for _, obj in kept if obj["metadata"]["uid"] == owner["uid"]), None)
        sizes[owner["uid"]] = int((found or pod)["spec"].get("replicas", len(pods)))
    return sum(sizes.values())
