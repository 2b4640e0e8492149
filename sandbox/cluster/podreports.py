"""Answer what is asked of running pods: their logs, their metrics, and whether they may be evicted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.cluster.behaviours import Behaviours
from sandbox.cluster.controllers.disruptions import status_of
from sandbox.cluster.errors import ApiError, bad_request, disruption_refused
from sandbox.cluster.objects import Object, is_active, is_ready, labels_of, name_of, namespace_of, timestamp
from sandbox.cluster.resources import DISRUPTION_BUDGETS, POD_METRICS
from sandbox.cluster.selectors import selects
from sandbox.cluster.storage import Storage


def log(pod: Object, query: Mapping[str, str], behaviours: Behaviours) -> str:
    """Return a container's log; 400 when it has not started or when it is unclear which one is meant.

    All lines are taken to be written as it starts.
    """
    containers = {one["name"]: one for one in pod["spec"]["containers"]}
    name = query.get("container") or (next(iter(containers)) if len(containers) == 1 else "")
    if not name:
        raise bad_request(
            f"a container name must be specified for pod {name_of(pod)}, choose one of: {[*containers]}"
        )
    if name not in containers:
        raise bad_request(f"container {name} is not valid for pod {name_of(pod)}")
    statuses = pod["status"].get("containerStatuses") or []
    status: Object = next((one for one in statuses if one["name"] == name), {})
    reason = (status.get("state", {}).get("waiting") or {"reason": "ContainerCreating"})["reason"]
    if not status.get("containerID"):
        raise bad_request(f'container "{name}" in pod "{name_of(pod)}" is waiting to start: {reason}')
    lines = list(behaviours.of(containers[name]["image"]).log_lines)
    if "sinceTime" in query and _began_at(status) < _time(query["sinceTime"]):
        lines = []
    if "tailLines" in query:
        count = int(query["tailLines"])
        lines = lines[max(0, len(lines) - count) :]
    text = "".join(f"{line}\n" for line in lines)
    return text.encode()[: int(query.get("limitBytes", len(text.encode())))].decode(errors="replace")


def _began_at(status: Object) -> datetime:
    state = status.get("state", {})
    began = [one["startedAt"] for one in (state.get("running"), state.get("terminated")) if one]
    return _time(began[0]) if began else datetime.max.replace(tzinfo=UTC)


def _time(text: str) -> datetime:
    """Read a time as the API takes it; 400 for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 told apart by its lack of a zone
    if at.tzinfo is None or "T" not in text:
        raise bad_request(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse it')
    return at


def metrics(pod: Object, behaviours: Behaviours) -> Object | None:
    """Return what metrics-server would have measured; None for a pod that is not running."""
    running = [
        one for one in pod["status"].get("containerStatuses") or [] if "running" in one.get("state", {})
    ]
    if not running:
        return None
    usage = []
    for status in running:
        behaviour = behaviours.of(status["image"])
        cpu, memory = round(behaviour.cpu_cores * 1e9), behaviour.memory_bytes // 1024
        usage.append({"name": status["name"], "usage": {"cpu": f"{cpu}n", "memory": f"{memory}Ki"}})
    metadata = {"name": name_of(pod), "namespace": namespace_of(pod), "creationTimestamp": timestamp()}
    return {
        "kind": POD_METRICS.kind,
        "apiVersion": POD_METRICS.api_version,
        "metadata": metadata | {"labels": labels_of(pod)},
        "timestamp": timestamp(),
        "window": "15s",
        "containers": usage,
    }


def check_eviction(storage: Storage, pod: Object) -> None:
    """Raise 429 when a disruption budget does not allow one pod less.

    Budgets do not count pods that do not run yet or no more, or are on their way out. A pod that runs and is
    not ready may go where the others are enough, or where the budget says `AlwaysAllow`.
    """
    if pod["status"].get("phase") == "Pending" or not is_active(pod):
        return
    budgets = [
        budget for budget in storage.objects(DISRUPTION_BUDGETS, namespace_of(pod))
        if selects(budget["spec"].get("selector"), labels_of(pod))
    ]  # fmt: skip
    if len(budgets) > 1:
        text = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise ApiError(500, "InternalError", text)
    for budget in budgets:
        status = status_of(storage, budget)
        needed, healthy = status["desiredHealthy"], status["currentHealthy"]
        always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        spare = not is_ready(pod) and (always or healthy >= needed > 0)
        if not spare and status["disruptionsAllowed"] < 1:
            raise disruption_refused(name_of(budget), needed=needed, healthy=healthy)
