"""Capacity: what a workload has, and what it had before and after more was added."""

from shared.domain.changes import Change, SetAutoscalerMinimum, SetReplicas
from shared.domain.response import Capacity
from shared.domain.workloads import Workload

Bounds = tuple[str, int, int]
"""The autoscaler with its minimum and maximum; without one, no name, the number of replicas and 0."""


def present(workload: Workload) -> Bounds:
    """Return the bounds that a workload has now."""
    scaler = workload.autoscaler
    return (scaler.name, scaler.minimum, scaler.maximum) if scaler else ("", workload.replicas, 0)


def before(capacity: Capacity) -> Bounds:
    """Return the bounds as they were."""
    return capacity.autoscaler, capacity.before, capacity.maximum_before


def after(capacity: Capacity) -> Bounds:
    """Return the bounds once the capacity was added."""
    return capacity.autoscaler, capacity.added, capacity.maximum_added


def change(workload: Workload, response_id: str, *, replicas: int, maximum: int) -> Change:
    """Return the change to the workload's bounds: its autoscaler's where it has one, else its replicas.

    `replicas` is the autoscaler's minimum or the number of replicas; `maximum` is the autoscaler's alone.
    """
    scaler = workload.autoscaler
    if scaler is not None:
        return SetAutoscalerMinimum(
            workload=workload.ref,
            response_id=response_id,
            autoscaler=scaler.name,
            resource_version=scaler.resource_version,
            minimum_before=scaler.minimum,
            maximum_before=scaler.maximum,
            minimum=replicas,
            maximum=maximum,
            scaler=scaler.kind,
        )
    return SetReplicas(
        workload=workload.ref,
        response_id=response_id,
        resource_version=workload.resource_version,
        replicas_before=workload.replicas,
        replicas=replicas,
    )
