"""Pods as they run: readiness, restarts, what they wait for, and what they use."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from shared.adapters.kubernetes import wire
from shared.adapters.kubernetes.connection import Pending
from shared.domain.workloads import Pod
from shared.errors import BackoutError


def active(found: Iterable[wire.Pod], owner_uids: Collection[str]) -> list[wire.Pod]:
    """Return the pods that count for their controller: its own, neither finished nor being deleted."""
    return [
        pod
        for pod in found
        if pod.metadata.deletion_timestamp is None
        and pod.status.phase not in ("Succeeded", "Failed")
        and pod.metadata.controller is not None
        and pod.metadata.controller.uid in owner_uids
    ]


def described(pods: Iterable[wire.Pod], usage: Mapping[str, tuple[float, float]]) -> tuple[Pod, ...]:
    """Return the pods in the order of their names; `usage` is CPU cores and memory bytes by pod."""
    return tuple(
        _pod(pod, usage.get(pod.metadata.name)) for pod in sorted(pods, key=lambda p: p.metadata.name)
    )


def usage(pending: Pending) -> dict[str, tuple[float, float]]:
    """Return CPU cores and memory bytes by pod; nothing where there is no metrics API or it fails.

    Capacity is decided on by measured signals. What the pods use is told to people beside them, and must
    not stop a rollback.
    """
    from kubernetes.utils import quantity

    number: Callable[[str], Decimal] = quantity.parse_quantity
    try:
        metrics = pending.answer().read(wire.Items[wire.PodMetrics]).items or []
        return {
            pod.metadata.name: (
                float(sum(number(container.usage.cpu) for container in pod.containers)),
                float(sum(number(container.usage.memory) for container in pod.containers)),
            )
            for pod in metrics
        }
    except (BackoutError, ValueError):
        return {}


def _pod(pod: wire.Pod, used: tuple[float, float] | None) -> Pod:
    status = pod.status
    return Pod(
        name=pod.metadata.name,
        phase=status.phase,
        ready=any(c.type == "Ready" and c.status == "True" for c in status.conditions),
        restarts=sum(container.restart_count for container in status.container_statuses),
        images={container.name: container.image for container in pod.spec.containers},
        waiting=_waiting(status),
        cpu_cores=None if used is None else used[0],
        memory_bytes=None if used is None else used[1],
    )


def _waiting(status: wire.PodStatus) -> str:
    """Return why a pod does not run: its containers' reason, or why it is on no node."""
    statuses: Sequence[wire.ContainerStatus] = [*status.init_container_statuses, *status.container_statuses]
    for container in statuses:
        if container.state.waiting is not None and container.state.waiting.reason:
            return container.state.waiting.reason
    unscheduled = (c.reason for c in status.conditions if c.type == "PodScheduled" and c.status == "False")
    return next(unscheduled, "")
