"""Capacity: what a workload has, and what it had before and after more was added."""

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
