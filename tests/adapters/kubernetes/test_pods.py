from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.adapters.kubernetes import pods, templates, wire
from shared.adapters.kubernetes.revisions import Held

DELETED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GRACE_SECONDS = 30


def pod(
    *, owner: str = "u-1", deleted_at: datetime | None = None, label: str = "", name: str = "a", **status: Any
) -> wire.Pod:
    reference = wire.OwnerReference(kind="ReplicaSet", name="checkout", uid=owner, controller=True)
    metadata = wire.Metadata(
        name=f"checkout-1-{name}",
        uid=f"p-{name}",
        owner_references=[reference],
        creation_timestamp=DELETED_AT - timedelta(hours=1),
        deletion_timestamp=deleted_at,
        deletion_grace_period_seconds=GRACE_SECONDS,
        labels={"controller-revision-hash": label} if label else {},
    )
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


def held(name: str, image: str, *, uid: str = "") -> Held:
    template = templates.read(msgspec.Raw(f'{{"spec": {{"image": "{image}"}}}}'.encode()))
    return Held(name=name, uid=uid, number=1, created_at=DELETED_AT, template=template)


def test_a_pod_that_is_being_deleted_is_there_for_those_who_ask_and_not_ready() -> None:
    ending = pod(deleted_at=DELETED_AT, phase="Running", conditions=[wire.Condition("Ready", "True")])

    [described] = pods.described(pods.active([ending], {"u-1"}, ending=True), {})

    assert not described.ready
    assert described.deleting_since == DELETED_AT - timedelta(seconds=GRACE_SECONDS)
    assert described.created_at == DELETED_AT - timedelta(hours=1)


def test_a_pod_is_of_the_revision_that_its_replica_set_holds() -> None:
    history = [held("checkout-1", "one", uid="u-1"), held("checkout-2", "two", uid="u-2")]

    [described] = pods.described([pod(owner="u-2")], {}, held=history)

    assert described.template_id == history[1].template.id


@pytest.mark.parametrize("label", ["checkout-2", "2"])
def test_a_pod_is_of_the_revision_that_its_label_names_whole_or_in_part(label: str) -> None:
    history = [held("checkout-1", "one"), held("checkout-2", "two")]

    [described] = pods.described([pod(owner="set", label=label)], {}, held=history)

    assert described.template_id == history[1].template.id


def test_a_pod_whose_revision_the_history_no_longer_holds_is_of_none() -> None:
    [described] = pods.described([pod(owner="set", label="9")], {}, held=[held("checkout-1", "one")])

    assert described.template_id == ""


def test_the_scheduler_is_quoted_and_cut() -> None:
    refused = wire.Condition("PodScheduled", "False", "Unschedulable", message="0/2 nodes:\n" + "x" * 300)

    [described] = pods.described([pod(conditions=[refused])], {})

    assert described.unschedulable.startswith("0/2 nodes: xxx")
    assert described.unschedulable.endswith("…")
    assert len(described.unschedulable) == 200
    assert described.waiting == "Unschedulable"


def test_a_pod_that_the_scheduler_has_not_looked_at_is_not_unschedulable() -> None:
    gated = wire.Condition("PodScheduled", "False", "SchedulingGated")

    assert pods.unschedulable(wire.PodStatus(conditions=[gated])) == ""


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": "2026-03-02T12:05:00Z"},
        {"lastTimestamp": None, "eventTime": "2026-03-02T12:05:00.000000Z"},
        {"eventTime": "2026-03-02T11:00:00.000000Z", "series": {"lastObservedTime": "2026-03-02T12:05:00Z"}},
        {"metadata": {"creationTimestamp": "2026-03-02T12:05:00Z"}},
    ],
)
def test_an_event_is_dated_by_when_it_last_came_about(times: dict[str, Any]) -> None:
    event = msgspec.convert({"metadata": {}, **times}, wire.Event)

    assert event.last_seen_at == DELETED_AT + timedelta(minutes=5)
