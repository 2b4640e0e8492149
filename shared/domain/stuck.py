"""Why a rollout is stuck, by what its pods show, and which pods' eviction may get it on.

A pod that has not become ready within its grace is broken; one that is ready is never touched. What an
eviction does depends on whose pod it is: a StatefulSet or DaemonSet makes it anew from the template that was
put back, a ReplicaSet only makes the same pod again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.workloads import Pod, RolloutState, Workload


class Cause(StrEnum):
    """Why a rollout is stuck; of several the first that an eviction may help, or else the first, is told."""

    ORDERED = "ordered"
    NO_ROOM = "no_room"
    IMAGE_PULL = "image_pull"
    CRASH_LOOP = "crash_loop"
    NOT_READY = "not_ready"
    TERMINATING = "terminating"
    PROGRESS_DEADLINE = "progress_deadline"


@dataclass(frozen=True)
class Stuck:
    """A rollout that is stuck: why, in words too, and the pods whose eviction may help (`evictable`)."""

    cause: Cause
    told: str
    broken: tuple[Pod, ...] = ()
    evictable: bool = False


MADE_FROM_THE_PRESENT_TEMPLATE = ("statefulset", "daemonset")
CRASHES = 3
"""Restarts after which a pod that is not ready crashes again and again, though it may run just now."""

HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Troubles with an image that every new pod has again."""

_IMAGE_PULL = HOPELESS | {
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_CANNOT: Mapping[Cause, str] = {
    Cause.NO_ROOM: "cannot be placed on a node",
    Cause.IMAGE_PULL: "cannot pull an image",
    Cause.CRASH_LOOP: "cannot stay up",
    Cause.NOT_READY: "cannot become ready",
    Cause.TERMINATING: "cannot end",
}
_NAMED = 3


def grace(verify_seconds: float) -> float:
    """Return how long a pod may take before it counts as broken: a quarter of the time of verification."""
    return verify_seconds / 4


def diagnosed(
    workload: Workload, *, now: datetime, to_template_id: str, grace_seconds: float
) -> Stuck | None:
    """Return why the rollout to that template is stuck, or None while nothing says that it is.

    `grace_seconds` is how long a pod may take to become ready, or to end once it was asked to. The workload
    must have been read with its events: the pods that are being deleted are among them only then.
    """
    if workload.rollout.state is RolloutState.COMPLETE:
        return None
    since = now - timedelta(seconds=grace_seconds)
    broken = [pod for pod in workload.pods if _is_broken(pod, since)]
    others = [pod for pod in broken if pod.template_id not in ("", to_template_id)]
    if others and workload.ref.kind in MADE_FROM_THE_PRESENT_TEMPLATE:
        return _left_over(others, ordered=workload.ordered)
    restored = [pod for pod in broken if pod not in others]
    if restored:
        return _not_coming_up(restored, others)
    hanging = [p for p in workload.pods if p.deleting_since is not None and p.deleting_since <= since]
    if hanging:
        return Stuck(Cause.TERMINATING, _told(Cause.TERMINATING, hanging))
    if workload.rollout.state is RolloutState.FAILED:
        return Stuck(Cause.PROGRESS_DEADLINE, workload.rollout.message)
    return None


def _is_broken(pod: Pod, since: datetime) -> bool:
    """Return whether a pod that is to stay has had its time; one without a date has."""
    is_late = pod.created_at is None or pod.created_at <= since
    return is_late and not pod.ready and pod.deleting_since is None


def _left_over(others: Sequence[Pod], *, ordered: bool) -> Stuck:
    """Return the trouble with pods of another revision that come back right once they are gone."""
    cause = min(map(_cause, others), key=list(Cause).index)
    told = f"{_told(cause, others)}, of another revision than the one restored"
    if ordered:
        cause = Cause.ORDERED
        told += "; the pods come up one after the other, and the rollout waits for what is broken"
    return Stuck(cause, told, tuple(others), evictable=True)


def _not_coming_up(restored: Sequence[Pod], others: Sequence[Pod]) -> Stuck:
    """Return the trouble with pods of the restored revision: the first that an eviction may help, if any."""
    found = []
    for cause in Cause:
        pods = [pod for pod in restored if _cause(pod) is cause]
        if pods:
            helping = tuple(_helping(cause, pods, others))
            found.append(Stuck(cause, _told(cause, pods), helping, evictable=bool(helping)))
    return next((stuck for stuck in found if stuck.evictable), found[0])


def _helping(cause: Cause, pods: Sequence[Pod], others: Sequence[Pod]) -> Sequence[Pod]:
    """Return the pods to evict: those that take up room, or those whose trouble a fresh start may end.

    A new pod may come to another node, and does not wait for the end of a back-off.
    """
    if cause is Cause.NO_ROOM:
        return [pod for pod in others if _cause(pod) is not Cause.NO_ROOM][: len(pods)]
    return [pod for pod in pods if pod.waiting not in HOPELESS]


def _cause(pod: Pod) -> Cause:
    """Return what is wrong with a pod that is broken."""
    if pod.unschedulable or pod.waiting == "Unschedulable":
        return Cause.NO_ROOM
    if pod.waiting in _IMAGE_PULL:
        return Cause.IMAGE_PULL
    if pod.waiting == "CrashLoopBackOff" or pod.restarts >= CRASHES:
        return Cause.CRASH_LOOP
    return Cause.NOT_READY


def _told(cause: Cause, pods: Sequence[Pod]) -> str:
    """Say what is wrong with the pods, in the cluster's words where it has some."""
    names = ", ".join(pod.name for pod in pods[:_NAMED])
    if len(pods) > _NAMED:
        names += f" and {len(pods) - _NAMED} more"
    why = next((words for pod in pods if (words := pod.trouble or pod.unschedulable or pod.waiting)), "")
    return f"{names} {_CANNOT[cause]}" + (f" ({why})" if why else "")
