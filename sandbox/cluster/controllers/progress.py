"""Work out a Deployment's status: its counts, whether it is available, and how its rollout goes.

The rules of kube-controller-manager's `deployment/progress.go` and `sync.go`. They decide when
`lastUpdateTime` of the condition Progressing moves: when a rollout completes, not when it is scaled.
"""

from __future__ import annotations

from sandbox.cluster.controllers import conditions, rolling
from sandbox.cluster.controllers.history import History
from sandbox.cluster.objects import Object, clone, name_of, seconds_since


def counted(deployment: Object, history: History) -> Object:
    """Return the status with fresh counts and the condition Available; Progressing stays as it was."""
    spec, status = deployment["spec"], deployment["status"]
    ready = sum(one["status"].get("readyReplicas", 0) for one in history.all)
    available = sum(rolling.available(one) for one in history.all)
    replicas = sum(one["status"].get("replicas", 0) for one in history.all)
    counts = {
        "replicas": replicas,
        "updatedReplicas": history.new["status"].get("replicas", 0) if history.new else 0,
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, rolling.total_size(history.all) - available),
    }
    fresh: Object = {"observedGeneration": deployment["metadata"]["generation"]}
    fresh |= {name: count for name, count in counts.items() if count}
    fresh["conditions"] = clone(status.get("conditions") or [])
    if available >= spec["replicas"] - rolling.surge_and_unavailable(spec)[1]:
        text = "Deployment has minimum availability."
        verdict = conditions.condition(conditions.AVAILABLE, "True", "MinimumReplicasAvailable", text)
    else:
        text = "Deployment does not have minimum availability."
        verdict = conditions.condition(conditions.AVAILABLE, "False", "MinimumReplicasUnavailable", text)
    conditions.put(fresh, verdict)
    return fresh


def progressed(deployment: Object, history: History) -> Object:
    """Return the status with the condition Progressing brought up to date as well."""
    fresh = counted(deployment, history)
    current = conditions.find(deployment["status"], conditions.PROGRESSING)
    settled = (
        current is not None
        and current["reason"] == conditions.NEW_REPLICA_SET_AVAILABLE
        and fresh.get("replicas", 0) == fresh.get("updatedReplicas", 0)
    )
    if not settled:
        _judge(deployment, fresh, current, _subject(deployment, history))
    return fresh


def _subject(deployment: Object, history: History) -> str:
    if history.new is None:
        return f'Deployment "{name_of(deployment)}"'
    return f'ReplicaSet "{name_of(history.new)}"'


def _judge(deployment: Object, fresh: Object, current: Object | None, subject: str) -> None:
    if is_complete(deployment, fresh):
        text = f"{subject} has successfully progressed."
        done = conditions.condition(
            conditions.PROGRESSING, "True", conditions.NEW_REPLICA_SET_AVAILABLE, text
        )
        conditions.put(fresh, done)
    elif _has_progressed(deployment["status"], fresh):
        text = f"{subject} is progressing."
        moved = conditions.condition(conditions.PROGRESSING, "True", conditions.REPLICA_SET_UPDATED, text)
        if current is not None and current["status"] == "True":
            moved["lastTransitionTime"] = current["lastTransitionTime"]
        # Every bit of progress counts anew towards the deadline, even with the same reason as before.
        conditions.drop(fresh, conditions.PROGRESSING)
        conditions.put(fresh, moved)
    elif _is_overdue(deployment, current):
        text = f"{subject} has timed out progressing."
        late = conditions.condition(conditions.PROGRESSING, "False", conditions.DEADLINE_EXCEEDED, text)
        conditions.put(fresh, late)


def is_complete(deployment: Object, status: Object) -> bool:
    wanted = deployment["spec"]["replicas"]
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    observed = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return observed and all(status.get(count, 0) == wanted for count in counts)


def _has_progressed(before: Object, after: Object) -> bool:
    def old_pods(status: Object) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_pods(after) < old_pods(before) or any(
        after.get(count, 0) > before.get(count, 0) for count in grown
    )


def _is_overdue(deployment: Object, current: Object | None) -> bool:
    if current is None or current["reason"] == conditions.NEW_REPLICA_SET_AVAILABLE:
        return False
    deadline = deployment["spec"]["progressDeadlineSeconds"]
    if current["reason"] == conditions.DEADLINE_EXCEEDED:
        return True
    if current["reason"] == conditions.PAUSED:
        return False
    return bool(seconds_since(current["lastUpdateTime"]) > deadline)


def seconds_to_deadline(deployment: Object) -> float | None:
    """Return when an unfinished rollout is to be judged again; None when there is nothing to wait for."""
    current = conditions.find(deployment["status"], conditions.PROGRESSING)
    over = (conditions.NEW_REPLICA_SET_AVAILABLE, conditions.DEADLINE_EXCEEDED, conditions.PAUSED)
    if current is None or current["reason"] in over:
        return None
    deadline = float(deployment["spec"]["progressDeadlineSeconds"])
    return deadline - seconds_since(current["lastUpdateTime"]) + 0.05
