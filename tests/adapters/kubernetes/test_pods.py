from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.kubernetes import pods, wire

DELETED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def pod(*, owner: str = "u-1", deleted_at: datetime | None = None, **status: Any) -> wire.Pod:
    reference = wire.OwnerReference(kind="ReplicaSet", name="checkout-1", uid=owner, controller=True)
    metadata = wire.Metadata(name="checkout-1-a", owner_references=[reference], deletion_timestamp=deleted_at)
    spec = wire.PodSpec(containers=[wire.Container("app", "checkout:1")])
    return wire.Pod(metadata, spec, wire.PodStatus(**status))


def waits(reason: str) -> wire.ContainerStatus:
    return wire.ContainerStatus(state=wire.ContainerState(waiting=wire.Waiting(reason)), restart_count=2)


def test_a_pod_of_its_own_counts() -> None:
    assert pods.active([pod(phase="Running"), pod(phase="Pending")], {"u-1"}) != []


@pytest.mark.parametrize(
    "other", [pod(owner="u-2"), pod(deleted_at=DELETED_AT), pod(phase="Succeeded"), pod(phase="Failed")]
)
def test_a_pod_that_its_controller_does_not_count_does_not(other: wire.Pod) -> None:
    assert pods.active([other], {"u-1"}) == []


def test_an_init_container_in_trouble_is_named_before_those_that_wait_for_it() -> None:
    stuck = pod(
        init_container_statuses=[waits("CrashLoopBackOff")], container_statuses=[waits("PodInitializing")]
    )

    (described,) = pods.described([stuck], {})

    assert (described.waiting, described.restarts, described.ready) == ("CrashLoopBackOff", 2, False)


def test_a_pod_that_waits_for_nothing_says_nothing() -> None:
    ready = pod(
        phase="Running", conditions=[wire.Condition("Ready", "True"), wire.Condition("PodScheduled", "True")]
    )

    (described,) = pods.described([ready], {"checkout-1-a": (0.5, 1024.0)})

    assert (described.waiting, described.ready) == ("", True)
    assert (described.cpu_cores, described.memory_bytes) == (0.5, 1024.0)
