"""Stuck: why a rollout does not come to its end, by what is seen of its pods."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.workloads import Pod, Workload


class Cause(StrEnum):
    """Why a rollout is stuck."""

    IMAGE_PULL = "image_pull"
    CRASH_LOOP = "crash_loop"
    NO_ROOM = "no_room"
    TERMINATING = "terminating"
    ORDERED = "ordered"
    NOT_READY = "not_ready"
    PROGRESS_DEADLINE = "progress_deadline"


@dataclass(frozen=True)
class Stuck:
    """A rollout that is stuck: why, in words too, and the pods whose eviction may help."""

    cause: Cause
    told: str
    broken: tuple[Pod, ...] = ()
    evictable: bool = False


def diagnosed(
    workload: Workload, *, now: datetime, to_template_id: str, grace_seconds: float
) -> Stuck | None:
    """Return why the rollout is stuck."""
    del now, to_template_id, grace_seconds
    broken = tuple(p for p in workload.pods if not p.ready)
    if not broken:
        return None
    return Stuck(Cause.NOT_READY, f"{len(broken)} pods are not ready", broken, evictable=True)
