"""Say what `kubectl get` shows of each kind: the server prints, kubectl only lays out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sandbox.cluster.objects import Object, controller_of, name_of
from sandbox.cluster.selectors import selector_text

Cell: TypeAlias = Callable[[Object], Any]
# Heading, how to work the cell out, and whether only `-o wide` shows it.
Column: TypeAlias = tuple[str, Cell, bool]


def age(moment: str | None) -> str:
    """Write the time since then as kubectl does: `45s`, `7m5s`, `31m`, `5h`, `3d`."""
    if not moment:
        return "<unknown>"
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    return f"{hours}h" if hours < 48 else f"{days}d"


def at(path: str, default: Any = "") -> Cell:
    """Return a cell that shows the field at a dotted path."""

    def cell(obj: Object) -> Any:
        value: Any = obj
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def _shown(heading: str, cell: Cell) -> Column:
    return heading, cell, False


def _count(heading: str, field: str) -> Column:
    return heading, at(f"status.{field}", 0), False


def _wide(heading: str, cell: Cell) -> Column:
    return heading, cell, True


def _pod_template(obj: Object) -> Object:
    template: Object = obj["spec"].get("template") or obj
    return template


def _containers(field: str) -> Cell:
    return lambda obj: ",".join(one[field] for one in _pod_template(obj)["spec"].get("containers") or [])


def _selector(obj: Object) -> str:
    return selector_text(obj["spec"].get("selector")) or "<none>"


def _ready(path: str) -> Cell:
    ready, wanted = at(path, 0), at("spec.replicas", 0)
    return lambda obj: f"{ready(obj)}/{wanted(obj)}"


def _completions(job: Object) -> str:
    return f"{at('status.succeeded', 0)(job)}/{at('spec.completions', 1)(job)}"


def _owner(obj: Object) -> str:
    owner = controller_of(obj)
    return f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else "<none>"


def _entries(obj: Object) -> int:
    return len(obj.get("data") or {})


def _pod_ready(pod: Object) -> str:
    statuses = pod["status"].get("containerStatuses") or []
    return f"{sum(one['ready'] for one in statuses)}/{len(pod['spec']['containers'])}"


def _pod_status(pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for status in pod["status"].get("containerStatuses") or []:
        waiting = status["state"].get("waiting")
        if waiting:
            return str(waiting["reason"])
    return str(pod["status"].get("phase", ""))


def _pod_restarts(pod: Object) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses") or [])


def _autoscaler_reference(autoscaler: Object) -> str:
    target = autoscaler["spec"]["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def _autoscaler_targets(autoscaler: Object) -> str:
    percentage = autoscaler["spec"].get("targetCPUUtilizationPercentage")
    for metric in autoscaler["spec"].get("metrics") or []:
        percentage = ((metric.get("resource") or {}).get("target") or {}).get(
            "averageUtilization", percentage
        )
    return f"cpu: <unknown>/{percentage}%" if percentage is not None else "<none>"


def _node_status(node: Object) -> str:
    ready: Object = next(
        (one for one in node["status"].get("conditions") or [] if one["type"] == "Ready"), {}
    )
    text = "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if node["spec"].get("unschedulable") else text


def _service_ports(service: Object) -> str:
    ports = service["spec"].get("ports") or []
    return ",".join(f"{one['port']}/{one.get('protocol', 'TCP')}" for one in ports) or "<none>"


def _event_subject(event: Object) -> str:
    return f"{event['involvedObject'].get('kind', '').lower()}/{event['involvedObject'].get('name', '')}"


NAME = _shown("Name", name_of)
AGE = _shown("Age", lambda obj: age(obj["metadata"].get("creationTimestamp")))
_TEMPLATE = (_wide("Containers", _containers("name")), _wide("Images", _containers("image")))
_SIZES = (_shown("Desired", at("spec.replicas")), _count("Current", "replicas"))

COLUMNS: dict[str, tuple[Column, ...]] = {
    "deployments.apps": (
        NAME, _shown("Ready", _ready("status.readyReplicas")), _count("Up-to-date", "updatedReplicas"),
        _count("Available", "availableReplicas"), AGE, *_TEMPLATE, _wide("Selector", _selector),
    ),
    "replicasets.apps": (
        NAME, *_SIZES, _count("Ready", "readyReplicas"), AGE, *_TEMPLATE, _wide("Selector", _selector),
    ),
    "statefulsets.apps": (NAME, _shown("Ready", _ready("status.readyReplicas")), AGE, *_TEMPLATE),
    "daemonsets.apps": (
        NAME, _count("Desired", "desiredNumberScheduled"),
        _count("Current", "currentNumberScheduled"), _count("Ready", "numberReady"),
        _count("Up-to-date", "updatedNumberScheduled"),
        _count("Available", "numberAvailable"),
        AGE, *_TEMPLATE, _wide("Selector", _selector),
    ),
    "jobs.batch": (
        NAME, _shown("Completions", _completions), AGE, *_TEMPLATE, _wide("Selector", _selector),
    ),
    "cronjobs.batch": (
        NAME, _shown("Schedule", at("spec.schedule")), _shown("Suspend", at("spec.suspend")), AGE,
    ),
    "controllerrevisions.apps": (
        NAME, _shown("Controller", _owner), _shown("Revision", at("revision")), AGE,
    ),
    "pods": (
        NAME, _shown("Ready", _pod_ready), _shown("Status", _pod_status), _shown("Restarts", _pod_restarts),
        AGE, _wide("IP", at("status.podIP", "<none>")), _wide("Node", at("spec.nodeName", "<none>")),
        _wide("Nominated Node", lambda _: "<none>"), _wide("Readiness Gates", lambda _: "<none>"),
    ),
    "horizontalpodautoscalers.autoscaling": (
        NAME, _shown("Reference", _autoscaler_reference), _shown("Targets", _autoscaler_targets),
        _shown("MinPods", at("spec.minReplicas")), _shown("MaxPods", at("spec.maxReplicas")),
        _count("Replicas", "currentReplicas"), AGE,
    ),
    "poddisruptionbudgets.policy": (
        NAME, _shown("Min Available", at("spec.minAvailable", "N/A")),
        _shown("Max Unavailable", at("spec.maxUnavailable", "N/A")),
        _count("Allowed Disruptions", "disruptionsAllowed"), AGE,
    ),
    "nodes": (
        NAME, _shown("Status", _node_status), _shown("Roles", lambda _: "<none>"), AGE,
        _shown("Version", at("status.nodeInfo.kubeletVersion")),
    ),
    "namespaces": (NAME, _shown("Status", at("status.phase")), AGE),
    "services": (
        NAME, _shown("Type", at("spec.type")), _shown("Cluster-IP", at("spec.clusterIP", "<none>")),
        _shown("External-IP", lambda _: "<none>"), _shown("Port(s)", _service_ports), AGE,
    ),
    "configmaps": (NAME, _shown("Data", _entries), AGE),
    "secrets": (
        NAME, _shown("Type", at("type", "Opaque")), _shown("Data", _entries), AGE,
    ),
    "events": (
        _shown("Last Seen", lambda event: age(event.get("lastTimestamp"))), _shown("Type", at("type")),
        _shown("Reason", at("reason")), _shown("Object", _event_subject), _shown("Message", at("message")),
        _wide("Name", name_of), _wide("Count", at("count", 1)),
    ),
}  # fmt: skip
PLAIN: tuple[Column, ...] = (NAME, AGE)
