"""Convert HorizontalPodAutoscalers between autoscaling/v2, as they are kept, and autoscaling/v1."""

from __future__ import annotations

from sandbox.cluster.objects import Object, clone


def _cpu(metric: Object) -> Object | None:
    resource = metric.get("resource") or {}
    is_cpu = metric.get("type") == "Resource" and resource.get("name") == "cpu"
    return resource if is_cpu else None


def to_v1(autoscaler: Object) -> Object:
    """Show a kept autoscaler in v1, which knows no metric but CPU utilisation."""
    shown: Object = clone(autoscaler) | {"apiVersion": "autoscaling/v1"}
    for metric in shown["spec"].pop("metrics", []):
        target = (_cpu(metric) or {}).get("target") or {}
        if "averageUtilization" in target:
            shown["spec"]["targetCPUUtilizationPercentage"] = target["averageUtilization"]
    status = shown.get("status") or {}
    for field in ("conditions", "currentMetrics"):
        status.pop(field, None)
    return shown


def from_v1(desired: Object, kept: Object | None) -> Object:
    """Turn a v1 object back; what v1 cannot say stays as `kept` has it."""
    turned: Object = clone(desired) | {"apiVersion": "autoscaling/v2"}
    spec = turned.get("spec") or {}
    metrics = [metric for metric in (kept or {}).get("spec", {}).get("metrics", []) if _cpu(metric) is None]
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if metrics:
        spec["metrics"] = metrics
    if kept is not None and "status" in kept:
        turned["status"] = clone(kept["status"]) | (turned.get("status") or {})
    return turned
