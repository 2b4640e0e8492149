"""Write a Rollout's status: counts, conditions and phase (Argo's `rollout/sync.go`, `utils/rollout`)."""

from __future__ import annotations

from sandbox.cluster.controllers import conditions
from sandbox.cluster.controllers.argo import canary
from sandbox.cluster.controllers.argo.sets import Sets, available, revision_of
from sandbox.cluster.objects import Object, clone, name_of, seconds_since
from sandbox.cluster.selectors import selector_text

ABORTED, RETRY = "RolloutAborted", "RolloutRetry"
PAUSED, RESUMED = "RolloutPaused", "RolloutResumed"
INVALID = "InvalidSpec"


def invalid(rollout: Object, why: str) -> Object:
    """Return the status of a Rollout that cannot be carried out."""
    fresh: Object = clone(rollout["status"])
    conditions.drop(fresh, INVALID)
    conditions.put(fresh, conditions.condition(INVALID, "True", INVALID, why))
    observed = {"observedGeneration": str(rollout["metadata"]["generation"])}
    return fresh | observed | {"phase": "Degraded", "message": f"{INVALID}: {why}"}


def counted(rollout: Object, sets: Sets, before: Object) -> Object:
    """Return the status brought up to date; `before` is the one that the last look left."""
    fresh: Object = clone(rollout["status"])
    conditions.drop(fresh, INVALID)
    counts = {
        "replicas": sum(one["status"].get("replicas", 0) for one in sets.all),
        "updatedReplicas": sets.new["status"].get("replicas", 0) if sets.new else 0,
        "readyReplicas": sum(one["status"].get("readyReplicas", 0) for one in sets.all),
        "availableReplicas": sum(map(available, sets.all)),
    }
    fresh = {key: value for key, value in fresh.items() if key not in counts}
    fresh |= {key: count for key, count in counts.items() if count}
    fresh["HPAReplicas"] = counts["replicas"]
    fresh["selector"] = selector_text(rollout["spec"]["selector"])
    fresh["observedGeneration"] = str(rollout["metadata"]["generation"])
    if canary.is_routed(rollout):
        fresh["canary"] = {"weights": canary.weights(rollout, sets)}
    _judge(rollout, sets, fresh, before)
    phase, message = _phase(rollout, fresh)
    return fresh | {"phase": phase, "message": message}


def seconds_to_deadline(rollout: Object) -> float | None:
    """Return when an unfinished update is to be judged again."""
    current = conditions.find(rollout["status"], conditions.PROGRESSING)
    waiting = (conditions.NEW_REPLICA_SET, conditions.REPLICA_SET_UPDATED, RETRY, RESUMED)
    if current is None or current["reason"] not in waiting:
        return None
    return _deadline(rollout) - seconds_since(current["lastUpdateTime"]) + 0.05


def _deadline(rollout: Object) -> float:
    return float(rollout["spec"].get("progressDeadlineSeconds", 600))


def _is_promoted(status: Object) -> bool:
    return bool(status.get("stableRS")) and status["stableRS"] == status.get("currentPodHash")


def _is_healthy(rollout: Object, status: Object) -> bool:
    replicas, steps = canary.replicas_of(rollout), len(canary.steps_of(rollout))
    counts = ("updatedReplicas", "availableReplicas", "replicas")
    return (
        _is_promoted(status)
        and all(status.get(count, 0) == replicas for count in counts)
        and (not steps or status.get("currentStepIndex") == steps)
    )


def _judge(rollout: Object, sets: Sets, fresh: Object, before: Object) -> None:
    def put(kind: str, *, holds: bool, reason: str, text: str) -> None:
        conditions.put(fresh, conditions.condition(kind, "True" if holds else "False", reason, text))

    is_available = fresh.get("availableReplicas", 0) >= canary.replicas_of(rollout)
    text = f"Rollout {'has' if is_available else 'does not have'} minimum availability"
    put("Available", holds=is_available, reason="AvailableReason", text=text)
    put("Completed", holds=_is_promoted(fresh), reason="RolloutCompleted", text="RolloutCompleted")
    is_healthy = _is_healthy(rollout, fresh)
    text = f"Rollout is {'healthy' if is_healthy else 'not healthy'}"
    put("Healthy", holds=is_healthy, reason="RolloutHealthy", text=text)
    is_paused = bool(fresh.get("pauseConditions") or rollout["spec"].get("paused"))
    put("Paused", holds=is_paused, reason=PAUSED, text="Rollout is paused")
    current = conditions.find(fresh, conditions.PROGRESSING)
    if fresh.get("abort"):
        text = f"Rollout aborted update to revision {revision_of(rollout)}"
        put(conditions.PROGRESSING, holds=False, reason=ABORTED, text=text)
    elif current is not None and current["reason"] == ABORTED:
        _note(fresh, "Unknown", RETRY, "Retrying Rollout after abort")
    elif is_paused:
        _note(fresh, "Unknown", PAUSED, "Rollout is paused")
    elif is_healthy:
        name = name_of(sets.new) if sets.new else ""
        text = f'ReplicaSet "{name}" has successfully progressed.'
        put(conditions.PROGRESSING, holds=True, reason=conditions.NEW_REPLICA_SET_AVAILABLE, text=text)
    elif _has_progressed(before, fresh):
        conditions.drop(fresh, conditions.PROGRESSING)
        text = f'Rollout "{name_of(rollout)}" is progressing.'
        put(conditions.PROGRESSING, holds=True, reason=conditions.REPLICA_SET_UPDATED, text=text)
    elif current is not None and seconds_since(current["lastUpdateTime"]) > _deadline(rollout):
        text = f'Rollout "{name_of(rollout)}" has timed out progressing.'
        put(conditions.PROGRESSING, holds=False, reason=conditions.DEADLINE_EXCEEDED, text=text)


def _note(fresh: Object, status: str, reason: str, text: str) -> None:
    conditions.put(fresh, conditions.condition(conditions.PROGRESSING, status, reason, text))


def _has_progressed(before: Object, after: Object) -> bool:
    changed = ("currentStepIndex", "currentPodHash", "stableRS", "updatedReplicas")
    grown = ("readyReplicas", "availableReplicas")
    return any(before.get(field) != after.get(field) for field in changed) or any(
        after.get(field, 0) > before.get(field, 0) for field in grown
    )


def _phase(rollout: Object, status: Object) -> tuple[str, str]:
    spec, replicas = rollout["spec"], canary.replicas_of(rollout)
    updated, current = status.get("updatedReplicas", 0), conditions.find(status, conditions.PROGRESSING)
    if current is not None and current["reason"] in (ABORTED, conditions.DEADLINE_EXCEEDED):
        return "Degraded", f"{current['reason']}: {current['message']}"
    if spec.get("paused"):
        return "Paused", "manually paused"
    if status.get("pauseConditions"):
        return "Paused", str(status["pauseConditions"][0]["reason"])
    if updated < replicas:
        return "Progressing", "more replicas need to be updated"
    if status.get("availableReplicas", 0) < updated:
        return "Progressing", "updated replicas are still becoming available"
    if not canary.is_routed(rollout) and status.get("replicas", 0) > updated:
        return "Progressing", "old replicas are pending termination"
    if not _is_promoted(status):
        return "Progressing", "waiting for all steps to complete"
    return "Healthy", ""
