"""Roll Rollouts out through their canary steps, abort, retry, promote and undo them.

As Argo's `rollout/canary.go`, `sync.go` and `pause.go` do for steps of setWeight and pause; anything else is
an invalid spec here. Clients steer by patches of the status: `abort`, `promoteFull`, `pauseConditions`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sandbox.cluster import custom
from sandbox.cluster.controllers.argo import canary, sets, status
from sandbox.cluster.controllers.argo.sets import Sets
from sandbox.cluster.controllers.hashes import template_hash
from sandbox.cluster.objects import (
    Object,
    annotations_of,
    clone,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    seconds_since,
    timestamp,
    uid_of,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import REPLICASETS, Catalogue, Resource
from sandbox.cluster.selectors import selects
from sandbox.cluster.storage import Change, Key

PAUSE_STEP = "CanaryPauseStep"
STEPS = ("setWeight", "pause")
DELAY_SECONDS = 30
OF_AN_UPDATE = ("abort", "abortedAt", "pauseConditions", "controllerPause", "promoteFull")


class Rollouts:
    """Bring each Rollout nearer to its template; its ReplicaSets' own changes call the next reconcile."""

    def __init__(self, registry: Registry, catalogue: Catalogue) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._left_at: dict[str, float] = {}

    def keys(self, change: Change) -> Iterable[Key]:
        resource, owner = custom.rollouts(self._catalogue), controller_of(change.obj)
        if resource is None:
            return
        if change.resource == resource.qualified:
            yield namespace_of(change.obj), name_of(change.obj)
        elif change.resource == REPLICASETS.qualified and owner and owner["kind"] == resource.kind:
            yield namespace_of(change.obj), owner["name"]

    def reconcile(self, key: Key) -> float | None:
        resource = custom.rollouts(self._catalogue)
        found = self._registry.storage.find(resource, *key) if resource else None
        if resource is None or found is None or is_deleting(found):
            return None
        wrong = _wrong(found["spec"])
        if wrong:
            self._write(resource, found, status.invalid(found, wrong))
            return None
        rollout = clone(found)
        if _is_changed(rollout, sets.read(self._registry, rollout)):
            self._begin(rollout)
            self._write(resource, found, status.counted(rollout, self._read(rollout), found["status"]))
            return 0
        if rollout["spec"].get("paused"):
            self._write(resource, found, status.counted(rollout, self._read(rollout), found["status"]))
            return None
        found = self._number(resource, found)
        rollout = clone(found)
        again = self._advance(rollout, self._read(rollout))
        waits = [again, self._resize(rollout, self._read(rollout))]
        written = self._write(resource, found, status.counted(rollout, self._read(rollout), found["status"]))
        waits.append(status.seconds_to_deadline(written))
        return min((wait for wait in waits if wait is not None), default=None)

    def _read(self, rollout: Object) -> Sets:
        return sets.read(self._registry, rollout)

    def _write(self, resource: Resource, rollout: Object, fresh: Object) -> Object:
        return self._registry.update(resource, rollout, rollout | {"status": fresh}, subresource="status")

    def _begin(self, rollout: Object) -> None:
        """Start at the first step of an update; back to the stable or a recent revision skips them."""
        found, steps = self._read(rollout), canary.steps_of(rollout)
        for field in OF_AN_UPDATE:
            rollout["status"].pop(field, None)
        rollout["status"] |= {
            "currentPodHash": _pod_hash(rollout, found),
            "currentStepHash": _step_hash(rollout),
        }
        skips = found.new is not None and (found.new is found.stable or _is_in_window(rollout, found))
        if steps:
            rollout["status"]["currentStepIndex"] = len(steps) if skips else 0

    def _number(self, resource: Resource, found: Object) -> Object:
        """Make or number the new ReplicaSet; the Rollout carries its revision too."""
        new = sets.numbered(self._registry, found, self._read(found))
        if annotations_of(found).get(sets.REVISION) == annotations_of(new)[sets.REVISION]:
            return found
        noted = clone(found)
        noted["metadata"].setdefault("annotations", {})[sets.REVISION] = annotations_of(new)[sets.REVISION]
        return self._registry.update(resource, found, noted)

    def _advance(self, rollout: Object, found: Sets) -> float | None:
        """Promote, abort, or finish the step; return in how many seconds a pause is over."""
        fresh, steps = rollout["status"], canary.steps_of(rollout)
        _skip_if_asked(rollout)
        if self._is_to_be_promoted(rollout, found):
            for field in OF_AN_UPDATE:
                fresh.pop(field, None)
            fresh["stableRS"] = fresh["currentPodHash"]
            if steps:
                fresh["currentStepIndex"] = len(steps)
            return None
        if fresh.get("abort"):
            fresh.setdefault("abortedAt", timestamp())
            for field in ("pauseConditions", "controllerPause"):
                fresh.pop(field, None)
            if steps:
                fresh["currentStepIndex"] = len(steps) if found.stable is found.new else 0
            return None
        fresh.pop("abortedAt", None)
        step = canary.step(rollout)
        if step is None:
            return None
        done, wait = (
            _finished(step, fresh) if "pause" in step else (canary.is_at_wanted(rollout, found), None)
        )
        if done:
            fresh["currentStepIndex"] = int(fresh.get("currentStepIndex") or 0) + 1
            for field in ("pauseConditions", "controllerPause"):
                fresh.pop(field, None)
            return 0
        return wait

    def _is_to_be_promoted(self, rollout: Object, found: Sets) -> bool:
        fresh = rollout["status"]
        if found.stable is None:
            return True
        if fresh.get("abort") or sets.available(found.new) != canary.replicas_of(rollout):
            return False
        return canary.step(rollout) is None

    def _resize(self, rollout: Object, found: Sets) -> float | None:
        """Scale the ReplicaSets; return in how many seconds one that was left behind is to go."""
        aims, waits = canary.sizes(rollout, found), []
        for one in found.all:
            aim = aims.get(name_of(one))
            if aim is None:
                aim, wait = self._left_behind(rollout, one)
                waits.append(wait)
            else:
                self._left_at.pop(uid_of(one), None)
            sized = clone(one)
            sized["spec"]["replicas"] = aim
            annotations = sized["metadata"].setdefault("annotations", {})
            annotations[sets.DESIRED_REPLICAS] = str(canary.replicas_of(rollout))
            self._registry.update(REPLICASETS, one, sized)
        sets.prune(self._registry, rollout, self._read(rollout).others)
        return min((wait for wait in waits if wait is not None), default=None)

    def _left_behind(self, rollout: Object, one: Object) -> tuple[int, float | None]:
        """Return the size of a ReplicaSet that gets no traffic any more, and when it is to be looked at."""
        if sets.size(one) == 0:
            return 0, None
        field = "abortScaleDownDelaySeconds" if rollout["status"].get("abort") else "scaleDownDelaySeconds"
        delay = canary.canary_of(rollout).get(field, DELAY_SECONDS)
        if delay == 0 and rollout["status"].get("abort"):
            return sets.size(one), None
        left = self._left_at.setdefault(uid_of(one), time.monotonic()) + delay - time.monotonic()
        return (sets.size(one), left) if left > 0 else (0, None)


def _wrong(spec: Object) -> str:
    """Say what of a spec cannot be carried out."""
    if not spec.get("selector") or not spec.get("template"):
        return "Rollout has missing field '.spec.selector' or '.spec.template'"
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if not selects(spec["selector"], labels):
        return "spec.template.metadata.labels: `selector` does not match template `labels`"
    if "canary" not in (spec.get("strategy") or {}):
        return "spec.strategy: the sandbox plays canaries only"
    steps = (spec["strategy"]["canary"] or {}).get("steps") or []
    unknown = [one for one in steps if not any(name in one for name in STEPS)]
    return f"spec.strategy.canary.steps: the sandbox knows only {', '.join(STEPS)}" if unknown else ""


def _pod_hash(rollout: Object, found: Sets) -> str:
    return sets.hash_of(found.new) if found.new is not None else sets.template_hash_of(rollout)


def _step_hash(rollout: Object) -> str:
    return template_hash({"steps": canary.steps_of(rollout)})


def _is_changed(rollout: Object, found: Sets) -> bool:
    seen = rollout["status"].get("currentPodHash"), rollout["status"].get("currentStepHash")
    return seen != (_pod_hash(rollout, found), _step_hash(rollout))


def _is_in_window(rollout: Object, found: Sets) -> bool:
    """Tell whether the new ReplicaSet is older than the stable one by few enough revisions."""
    allowed = int((rollout["spec"].get("rollbackWindow") or {}).get("revisions", 0))
    if not allowed or found.new is None or found.stable is None:
        return False
    new, stable = (one["metadata"]["creationTimestamp"] for one in (found.new, found.stable))
    between = [one for one in found.others if new < one["metadata"]["creationTimestamp"] < stable]
    return bool(new < stable) and len(between) < allowed


def _skip_if_asked(rollout: Object) -> None:
    """Go past the last step, out of any pause or abort, when full promotion is asked for."""
    fresh, steps = rollout["status"], canary.steps_of(rollout)
    if fresh.get("promoteFull"):
        for field in set(OF_AN_UPDATE) - {"promoteFull"}:
            fresh.pop(field, None)
        if steps:
            fresh["currentStepIndex"] = len(steps)


def _finished(step: Object, fresh: Object) -> tuple[bool, float | None]:
    """Pause at a pause step; tell whether it is over, by its time or by hand, or when it will be."""
    paused = [one for one in fresh.get("pauseConditions") or [] if one["reason"] == PAUSE_STEP]
    if not paused:
        if fresh.get("controllerPause"):
            return True, None
        fresh["pauseConditions"] = [{"reason": PAUSE_STEP, "startTime": timestamp()}]
        fresh["controllerPause"] = True
        return False, 0
    duration = (step["pause"] or {}).get("duration")
    if duration is None:
        return False, None
    left = canary.seconds(duration) - seconds_since(paused[0]["startTime"])
    return left <= 0, left if left > 0 else None
