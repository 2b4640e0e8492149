"""Count the pods of a rollout: how many of each ReplicaSet there may be next.

The arithmetic of kube-controller-manager's deployment controller (`rolling.go`, `deployment_util.go`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sandbox.cluster.objects import Object, annotations_of, name_of

DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


def resolve(value: int | str, total: int, *, round_up: bool) -> int:
    """Turn a count or a percentage of `total` into a count."""
    if isinstance(value, int):
        return value
    part = total * int(value.rstrip("%")) / 100
    return math.ceil(part) if round_up else math.floor(part)


def surge_and_unavailable(spec: Object) -> tuple[int, int]:
    """Return how many pods a rollout may have too many and too few; never both zero."""
    if spec["strategy"]["type"] != "RollingUpdate":
        return 0, 0
    rolling, replicas = spec["strategy"]["rollingUpdate"], spec["replicas"]
    surge = resolve(rolling["maxSurge"], replicas, round_up=True)
    unavailable = resolve(rolling["maxUnavailable"], replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def size(replica_set: Object) -> int:
    return int(replica_set["spec"]["replicas"])


def available(replica_set: Object) -> int:
    return int(replica_set["status"].get("availableReplicas", 0))


def total_size(replica_sets: Sequence[Object]) -> int:
    return sum(map(size, replica_sets))


def active(replica_sets: Sequence[Object]) -> list[Object]:
    return [one for one in replica_sets if size(one) > 0]


def new_size(spec: Object, new: Object | None, others: Sequence[Object]) -> int:
    """Return the size that the new ReplicaSet may have now."""
    replicas, own = int(spec["replicas"]), size(new) if new else 0
    if spec["strategy"]["type"] != "RollingUpdate" or own >= replicas:
        return replicas
    surge = resolve(spec["strategy"]["rollingUpdate"]["maxSurge"], replicas, round_up=True)
    room = replicas + surge - own - total_size(others)
    return own + max(0, min(room, replicas - own))


def old_sizes(spec: Object, new: Object, old: Sequence[Object]) -> dict[str, int]:
    """Return the sizes of the old ReplicaSets (oldest first) that change: unhealthy pods go first.

    What is scaled down never takes the available pods below the minimum, and pods of the new ReplicaSet
    that are not available yet count as missing already.
    """
    minimum = spec["replicas"] - surge_and_unavailable(spec)[1]
    new_unavailable = size(new) - available(new)
    room = total_size([*old, new]) - minimum - new_unavailable
    if room <= 0:
        return {}
    sizes = {name_of(one): size(one) for one in old}
    for one in old:
        unhealthy = min(room, max(0, size(one) - available(one)))
        sizes[name_of(one)] -= unhealthy
        room -= unhealthy
    spare = sum(available(one) for one in [*old, new]) - minimum
    for one in old:
        healthy = max(0, min(sizes[name_of(one)], spare))
        sizes[name_of(one)] -= healthy
        spare -= healthy
    return {name_of(one): sizes[name_of(one)] for one in old if sizes[name_of(one)] != size(one)}


def proportional_sizes(spec: Object, replica_sets: Sequence[Object]) -> dict[str, int]:
    """Return the sizes when a Deployment is scaled in the middle of a rollout (oldest first in)."""
    replicas, surge = spec["replicas"], surge_and_unavailable(spec)[0]
    running = active(replica_sets)
    missing = (replicas + surge if replicas > 0 else 0) - total_size(running)
    # Of equal ones the newest takes more when growing, and the oldest gives more when shrinking.
    ordered = sorted(running[::-1] if missing > 0 else running, key=size, reverse=True)
    sizes, added = {}, 0
    for one in ordered:
        share = _share(spec, one, replicas + surge)
        left = missing - added
        share = min(share, left) if missing > 0 else max(share, left)
        sizes[name_of(one)] = size(one) + share
        added += share
    if ordered and missing != 0:
        largest = name_of(ordered[0])
        sizes[largest] = max(0, sizes[largest] + missing - added)
    return sizes


def _share(spec: Object, replica_set: Object, largest: int) -> int:
    if spec["replicas"] == 0:
        return -size(replica_set)
    before = int(annotations_of(replica_set).get(MAX_REPLICAS, "0")) or spec["replicas"]
    return math.floor(size(replica_set) * largest / before + 0.5) - size(replica_set)


def is_saturated(spec: Object, new: Object | None) -> bool:
    """Tell whether the new ReplicaSet is all there, so that the old ones may go."""
    if new is None:
        return False
    wanted = spec["replicas"]
    desired = int(annotations_of(new).get(DESIRED_REPLICAS, "-1"))
    return bool(desired == size(new) == available(new) == wanted)
