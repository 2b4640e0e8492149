"""Set a Deployment's conditions by the rules of its controller."""

from __future__ import annotations

from sandbox.cluster.objects import Object, timestamp

AVAILABLE, PROGRESSING = "Available", "Progressing"
NEW_REPLICA_SET = "NewReplicaSetCreated"
FOUND_REPLICA_SET = "FoundNewReplicaSet"
REPLICA_SET_UPDATED = "ReplicaSetUpdated"
NEW_REPLICA_SET_AVAILABLE = "NewReplicaSetAvailable"
DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"


def condition(kind: str, status: str, reason: str, message: str) -> Object:
    now = timestamp()
    made = {"type": kind, "status": status, "reason": reason, "message": message}
    return made | {"lastUpdateTime": now, "lastTransitionTime": now}


def find(status: Object, kind: str) -> Object | None:
    return next((one for one in status.get("conditions") or [] if one["type"] == kind), None)


def put(status: Object, new: Object) -> None:
    """Set a condition; the same status keeps its transition time, the same reason too changes nothing."""
    current = find(status, new["type"])
    if current is not None and (current["status"], current["reason"]) == (new["status"], new["reason"]):
        return
    if current is not None and current["status"] == new["status"]:
        new = new | {"lastTransitionTime": current["lastTransitionTime"]}
    drop(status, new["type"])
    status.setdefault("conditions", []).append(new)


def drop(status: Object, kind: str) -> None:
    if "conditions" in status:
        status["conditions"] = [one for one in status["conditions"] if one["type"] != kind]
