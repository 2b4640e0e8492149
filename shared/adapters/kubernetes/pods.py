"""Pods as they run: readiness, restarts, what they wait for, which revision they are of, what they use."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from shared.adapters.kubernetes import wire
from shared.adapters.kubernetes.connection import Pending
from shared.adapters.kubernetes.revisions import Held
from shared.domain.workloads import Pod
from shared.errors import BackoutError

REVISION_LABEL = "controller-revision-hash"
WORDS = 200
"""The longest that a sentence of the cluster's is told."""


def active(found: Iterable[wire.Pod], owner_uids: Collection[str], *, ending: bool = False) -> list[wire.Pod]:
    """Return the pods that count for their controller: its own, neither finished nor being deleted.

    `ending` asks for those that are being deleted too: their controller may have to wait for them.
    """
    return [
        pod
        for pod in found
        if (ending if pod.metadata.deletion_timestamp else pod.status.phase not in ("Succeeded", "Failed"))
        and pod.metadata.controller is not None
        and pod.metadata.controller.uid in owner_uids
    ]


def described(
    pods: Iterable[wire.Pod],
    usage: Mapping[str, tuple[float, float]],
    *,
    held: Sequence[Held] = (),
    warnings: Mapping[str, str] | None = None,
) -> tuple[Pod, ...]:
    """Return the pods in the order of their names.

    `usage` is CPU cores and memory bytes by pod, `held` what the history holds, `warnings` the newest
    trouble by the pod's uid.
    """
    troubles = warnings or {}
    return tuple(
        _pod(pod, usage.get(pod.metadata.name), held, troubles.get(pod.metadata.uid, ""))
        for pod in sorted(pods, key=lambda p: p.metadata.name)
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


def warnings(pending: Pending) -> dict[str, str]:
    """Return the newest warning by the uid of what it is about; nothing without the right to list events.

    Like usage it is for people: what is wrong with a pod is decided on by its own status.
    """
    try:
        events = pending.answer().read(wire.Items[wire.Event]).items or []
    except BackoutError:
        return {}
    in_order = sorted(events, key=lambda event: event.last_seen_at)
    return {event.involved_object.uid: words(f"{event.reason}: {event.message}") for event in in_order}


def words(text: str) -> str:
    """Return a sentence of the cluster's on one line, cut where it is too long to be told."""
    line = " ".join(text.split())
    return line if len(line) <= WORDS else f"{line[: WORDS - 1]}…"


def waiting(status: wire.PodStatus) -> str:
    """Return why a pod does not run: its containers' reason, or why it is on no node."""
    statuses: Sequence[wire.ContainerStatus] = [*status.init_container_statuses, *status.container_statuses]
    for container in statuses:
        if container.state.waiting is not None and container.state.waiting.reason:
            return container.state.waiting.reason
    unscheduled = (c.reason for c in status.conditions if c.type == "PodScheduled" and c.status == "False")
    return next(unscheduled, "")


def unschedulable(status: wire.PodStatus) -> str:
    """Return why the scheduler has no place for a pod, empty where it has one or has not looked yet."""
    refused = (
        c for c in status.conditions
        if (c.type, c.status, c.reason) == ("PodScheduled", "False", "Unschedulable")
    )  # fmt: skip
    return next((words(c.message) or c.reason for c in refused), "")


def _pod(pod: wire.Pod, used: tuple[float, float] | None, held: Sequence[Held], trouble: str) -> Pod:
    """Describe a pod. One that is being deleted is not ready: its controller and its service have let go."""
    metadata, status = pod.metadata, pod.status
    is_ready = any(c.type == "Ready" and c.status == "True" for c in status.conditions)
    return Pod(
        name=metadata.name,
        phase=status.phase,
        ready=is_ready and metadata.deletion_timestamp is None,
        restarts=sum(container.restart_count for container in status.container_statuses),
        images={container.name: container.image for container in pod.spec.containers},
        waiting=waiting(status),
        cpu_cores=None if used is None else used[0],
        memory_bytes=None if used is None else used[1],
        uid=metadata.uid,
        created_at=metadata.creation_timestamp,
        deleting_since=_deleting_since(metadata),
        unschedulable=unschedulable(status),
        template_id=_template_id(metadata, held),
        trouble=trouble,
    )


def _deleting_since(metadata: wire.Metadata) -> datetime | None:
    """Return when the pod was asked to end; the API dates the deletion by when its grace is over."""
    if metadata.deletion_timestamp is None:
        return None
    return metadata.deletion_timestamp - timedelta(seconds=metadata.deletion_grace_period_seconds)


def _template_id(metadata: wire.Metadata, held: Sequence[Held]) -> str:
    """Return the revision that a pod was made from: by its ReplicaSet, or by the label of the others.

    A StatefulSet labels its pods with the name of the ControllerRevision, a DaemonSet with what follows its
    own name in it.
    """
    controller = metadata.controller
    if controller is None:
        return ""
    label = metadata.labels.get(REVISION_LABEL, "")
    names = (label, f"{controller.name}-{label}") if label else ()
    made_from = (h for h in held if h.uid == controller.uid or h.name in names)
    return next((h.template.id for h in made_from), "")
