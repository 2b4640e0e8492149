"""Work out a canary: which step it is at, how much weight and how many pods each ReplicaSet gets.

The rules of Argo's `utils/replicaset/canary.go` and `rollout/trafficrouting.go`, without the rounding that
weighs one pod more against one less.
"""

from __future__ import annotations

import math
import re
from typing import Any

from sandbox.cluster.controllers.argo.sets import Sets, available, hash_of, size
from sandbox.cluster.controllers.rolling import resolve
from sandbox.cluster.objects import Object, name_of

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def canary_of(rollout: Object) -> Object:
    canary: Object = rollout["spec"]["strategy"]["canary"] or {}
    return canary


def steps_of(rollout: Object) -> list[Object]:
    return canary_of(rollout).get("steps") or []


def replicas_of(rollout: Object) -> int:
    return int(rollout["spec"].get("replicas", 1))


def is_routed(rollout: Object) -> bool:
    return canary_of(rollout).get("trafficRouting") is not None


def seconds(duration: Any) -> float:
    """Read a pause's duration: seconds, or ``10s``, ``5m``, ``1h``."""
    found = re.fullmatch(r"(\d+)([smh]?)", str(duration))
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


def step(rollout: Object) -> Object | None:
    """Return the step that the Rollout is at, None past the last."""
    steps, index = steps_of(rollout), int(rollout["status"].get("currentStepIndex") or 0)
    return steps[index] if index < len(steps) else None


def weight(rollout: Object, sets: Sets) -> int:
    """Return the share that the new ReplicaSet is to have now, in percent."""
    status = rollout["status"]
    if sets.stable is None or sets.stable is sets.new or status.get("promoteFull"):
        return 100
    if status.get("abort"):
        return 0
    steps, index = steps_of(rollout), int(status.get("currentStepIndex") or 0)
    if index >= len(steps):
        return 100
    given = [one["setWeight"] for one in steps[: index + 1] if "setWeight" in one]
    return int(given[-1]) if given else 0


def wanted(rollout: Object, sets: Sets) -> tuple[int, int]:
    """Return how many pods the new and the stable ReplicaSet are to have in the end."""
    replicas, share = replicas_of(rollout), weight(rollout, sets)
    new = math.ceil(replicas * share / 100)
    if sets.stable is None or sets.stable is sets.new:
        return replicas, 0
    if is_routed(rollout):
        return new, replicas
    if not 0 < share < 100 or replicas == 0:
        return new, replicas - new
    new = max(1, min(new, replicas - 1))
    return new, max(1, replicas - new)


def is_at_wanted(rollout: Object, sets: Sets) -> bool:
    new, stable = wanted(rollout, sets)
    return (
        size(sets.new) == available(sets.new) == new
        and (sets.stable is sets.new or size(sets.stable) == stable)
        and (is_routed(rollout) or all(available(one) == 0 for one in sets.others))
    )


def sizes(rollout: Object, sets: Sets) -> dict[str, int]:
    """Return the sizes, by name, that the ReplicaSets may have next.

    Where pods share the traffic, no more than `maxSurge` are added, and none is taken that is needed for
    `maxUnavailable`; where traffic is routed, each ReplicaSet has what it needs at once. Those left behind
    are not shrunk here when traffic is routed: they run on for a while.
    """
    new, stable = wanted(rollout, sets)
    aims = {name_of(one): 0 for one in sets.others}
    if sets.stable is not None and sets.stable is not sets.new:
        aims[name_of(sets.stable)] = stable
    if sets.new is not None:
        aims[name_of(sets.new)] = new
    if is_routed(rollout):
        return {name: aim for name, aim in aims.items() if aim}
    return _within_limits(rollout, sets, aims)


def _within_limits(rollout: Object, sets: Sets, aims: dict[str, int]) -> dict[str, int]:
    replicas, canary = replicas_of(rollout), canary_of(rollout)
    surge = resolve(canary.get("maxSurge", "25%"), replicas, round_up=True)
    spare = resolve(canary.get("maxUnavailable", "25%"), replicas, round_up=False)
    spare = 1 if surge == 0 and spare == 0 else spare
    found = {name_of(one): size(one) for one in sets.all}
    ready = {name_of(one): available(one) for one in sets.all}
    # The stable one grows first, as it does after an abort; it is before the new one in `all`.
    room = replicas + surge - sum(found.values())
    for name, present in found.items():
        more = max(0, min(aims[name] - present, room))
        found[name] = present + more
        room -= more
    surplus = sum(ready.values()) - (replicas - spare)
    for name, present in found.items():
        unavailable = max(0, present - ready[name])
        less = max(0, min(present - aims[name], unavailable + max(0, surplus)))
        found[name] = present - less
        surplus -= max(0, less - unavailable)
    return found


def weights(rollout: Object, sets: Sets) -> Object:
    """Return `status.canary.weights`: how a service mesh or an ingress splits the traffic now."""
    share = 0
    is_update = sets.stable is not None and sets.stable is not sets.new
    if is_update and not rollout["status"].get("abort") and available(sets.new):
        share = weight(rollout, sets) if is_at_wanted(rollout, sets) else _before(rollout)
    return {
        "canary": {"weight": share, "podTemplateHash": hash_of(sets.new)},
        "stable": {"weight": 100 - share, "podTemplateHash": hash_of(sets.stable)},
    }


def _before(rollout: Object) -> int:
    """Return the weight of the step before: a new one waits for its pods."""
    shown: Object = rollout["status"].get("canary", {}).get("weights") or {"canary": {"weight": 0}}
    return int(shown["canary"]["weight"])
