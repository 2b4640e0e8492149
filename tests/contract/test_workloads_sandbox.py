"""The contract on the stand-in cluster, and what only it can show: pods, trouble, missing rights."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.cluster import Behaviour, Cluster, Denial, Fault
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.domain import stuck
from shared.domain.changes import Applied, ClusterChange
from shared.domain.reasons import Reason
from shared.domain.stuck import Cause
from shared.domain.workloads import RolloutState, Workload, WorkloadRef
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import CALL_SECONDS
from tests.contract.api_server import Object
from tests.contract.kubernetes_workloads import (
    CLUSTER,
    KubernetesContract,
    KubernetesWorld,
    namespace_of_its_own,
)
from tests.contract.workloads import (
    BAD,
    GOOD,
    AbortsContract,
    changed,
    eventually,
    eviction,
    minimum,
    restarting,
    rollback,
    scale,
)

CRASHING = "registry.example/checkout:crashes"
MISSING = "registry.example/checkout:missing"
UNREADY = "registry.example/checkout:unready"
HUGE = "registry.example/checkout:huge"
HANGING = "registry.example/checkout:hangs"
TOKEN = "s3cr3t-token-of-the-test"  # a made-up credential

BEHAVIOURS = {
    GOOD: Behaviour(cpu_cores=0.25, memory_bytes=64 * 1024 * 1024),
    CRASHING: Behaviour(crash=True),
    MISSING: Behaviour(pull_error=True),
    UNREADY: Behaviour(ready=False),
    HUGE: Behaviour(no_room=True),
    HANGING: Behaviour(hang_terminating=True),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.05, behaviours=BEHAVIOURS, token=TOKEN) as cluster:
        cluster.define_rollouts()
        cluster.define_scaled_objects()
        yield cluster


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        yield name


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    world = KubernetesWorld(cluster.kubeconfig_path, namespace)
    yield world
    cluster.clear_faults()
    world.close()


class TestSandbox(AbortsContract, KubernetesContract):
    pass


# pods


def running(image: str) -> Object:
    """Return a template whose pods fit on every node."""
    return {"metadata": {}, "spec": {"containers": [{"name": "app", "image": image}]}}


def made(world: KubernetesWorld, image: str, *, replicas: int = 2, kind: str = "deployment") -> WorkloadRef:
    ref = world.absent(kind)
    world.create(ref, running(image), **({} if kind == "daemonset" else {"replicas": replicas}))
    return ref


def seen(world: KubernetesWorld, ref: WorkloadRef, wanted: Callable[[Workload], bool], what: str) -> Workload:
    """Read until the workload is as wanted."""
    return eventually(lambda: found if wanted(found := world.read(ref)) else None, what)


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset"])
def test_pods_become_ready_and_the_rollout_completes(world: KubernetesWorld, kind: str) -> None:
    ref = made(world, GOOD, kind=kind)

    workload = seen(world, ref, lambda w: w.ready_replicas == 2, "both pods were ready")
    workload = seen(world, ref, lambda w: w.rollout.state is RolloutState.COMPLETE, "it was rolled out")

    assert workload.replicas == 2
    assert [pod.ready for pod in workload.pods] == [True, True]
    assert [dict(pod.images) for pod in workload.pods] == [{"app": GOOD}] * 2
    assert {(pod.phase, pod.waiting, pod.restarts) for pod in workload.pods} == {("Running", "", 0)}
    assert {pod.cpu_cores for pod in workload.pods} == {None}


def test_usage_is_read_when_it_is_asked_for(world: KubernetesWorld) -> None:
    ref = made(world, GOOD)
    seen(world, ref, lambda w: w.ready_replicas == 2, "both pods were ready")

    workload = world.workloads.read(ref, usage=True)

    assert workload is not None
    assert [pod.cpu_cores for pod in workload.pods] == [0.25, 0.25]
    assert [pod.memory_bytes for pod in workload.pods] == [64 * 1024 * 1024] * 2


@pytest.mark.parametrize("status", [403, 404, 503])
def test_usage_is_unknown_without_a_metrics_api(
    cluster: Cluster, world: KubernetesWorld, status: int
) -> None:
    ref = made(world, GOOD)
    seen(world, ref, lambda w: w.ready_replicas == 2, "both pods were ready")
    cluster.add_fault(Fault(path="metrics.k8s.io", status=status))

    workload = world.workloads.read(ref, usage=True)

    assert workload is not None
    assert {pod.memory_bytes for pod in workload.pods} == {None}


@pytest.mark.parametrize(
    ("image", "waiting"), [(CRASHING, "CrashLoopBackOff"), (MISSING, "ImagePullBackOff")]
)
def test_a_pod_in_trouble_says_which(world: KubernetesWorld, image: str, waiting: str) -> None:
    ref = made(world, image, replicas=1)

    workload = seen(world, ref, lambda w: {p.waiting for p in w.pods} == {waiting}, "the pod was in trouble")

    assert not workload.pods[0].ready
    assert workload.rollout.state is RolloutState.PROGRESSING


def test_a_pod_that_fits_no_node_says_so(world: KubernetesWorld) -> None:
    ref = world.new("deployment")
    world.resize(ref, 1)

    workload = seen(world, ref, lambda w: any(p.waiting for p in w.pods), "the scheduler gave up")

    assert [(pod.phase, pod.waiting) for pod in workload.pods] == [("Pending", "Unschedulable")]


def looked(world: KubernetesWorld, ref: WorkloadRef) -> Workload:
    """Read with warnings and the pods that are being deleted."""
    found = world.workloads.read(ref, events=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("image", "trouble"),
    [
        (CRASHING, "BackOff: Back-off restarting failed container app in pod"),
        (MISSING, f'Failed: Failed to pull image "{MISSING}": not found'),
        (UNREADY, "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"),
        (HUGE, "FailedScheduling: 0/2 nodes are available: 2 Insufficient memory."),
    ],
)
def test_the_newest_warning_of_a_pod_is_read_when_it_is_asked_for(
    world: KubernetesWorld, image: str, trouble: str
) -> None:
    ref = made(world, image, replicas=1)

    eventually(
        lambda: [p for p in looked(world, ref).pods if p.trouble.startswith(trouble)], "there was a warning"
    )
    assert {pod.trouble for pod in world.read(ref).pods} == {""}


def test_a_pod_without_room_quotes_the_scheduler(world: KubernetesWorld) -> None:
    ref = made(world, HUGE, replicas=1)

    workload = seen(world, ref, lambda w: any(p.unschedulable for p in w.pods), "the scheduler gave up")

    assert [p.unschedulable for p in workload.pods] == ["0/2 nodes are available: 2 Insufficient memory."]


def test_a_pod_that_hangs_is_read_when_it_is_asked_for_and_counts_as_evicted(world: KubernetesWorld) -> None:
    ref = made(world, HANGING, replicas=1)
    [pod] = seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready").pods
    asked_at = datetime.now(UTC)
    assert world.workloads.apply(eviction(ref, pod)) is Applied.CHANGED

    workload = seen(world, ref, lambda w: w.ready_replicas == 1, "another pod was ready")

    assert [p.uid == pod.uid for p in workload.pods] == [False]
    [ending] = [p for p in looked(world, ref).pods if p.deleting_since is not None]
    assert (ending.uid, ending.ready) == (pod.uid, False)
    assert ending.deleting_since is not None
    assert abs(ending.deleting_since - asked_at) < timedelta(seconds=5)
    assert world.workloads.apply(eviction(ref, pod)) is Applied.ALREADY


@pytest.mark.parametrize(
    ("image", "waits", "cause"),
    [
        (MISSING, lambda w: any(p.waiting == "ImagePullBackOff" for p in w.pods), Cause.IMAGE_PULL),
        (CRASHING, lambda w: any(p.waiting == "CrashLoopBackOff" for p in w.pods), Cause.CRASH_LOOP),
        (UNREADY, lambda w: any(p.phase == "Running" for p in w.pods), Cause.NOT_READY),
        (HUGE, lambda w: any(p.unschedulable for p in w.pods), Cause.NO_ROOM),
    ],
    ids=["image pull", "crash loop", "not ready", "no room"],
)
def test_a_stuck_rollout_is_named_with_its_cause(
    world: KubernetesWorld, image: str, waits: Callable[[Workload], bool], cause: Cause
) -> None:
    ref = made(world, image, replicas=1)
    seen(world, ref, waits, "the pod was in trouble")

    found = diagnosis(world, ref)

    assert found is not None
    assert found.cause is cause
    assert ref.name in found.told


def test_a_stuck_rollout_that_waits_for_a_pod_that_does_not_go_is_named_so(world: KubernetesWorld) -> None:
    ref = made(world, HANGING, replicas=1, kind="statefulset")
    seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready")
    world.deploy(ref, GOOD)

    found = eventually(lambda: diagnosis(world, ref), "it was told to be stuck")

    assert (found.cause, found.evictable) == (Cause.TERMINATING, False)


def diagnosis(world: KubernetesWorld, ref: WorkloadRef) -> stuck.Stuck | None:
    workload = looked(world, ref)
    now, to = datetime.now(UTC), workload.template_id
    return stuck.diagnosed(workload, now=now, to_template_id=to, grace_seconds=0.0)


def test_an_ordered_stateful_set_is_freed_by_evicting_its_broken_pod(world: KubernetesWorld) -> None:
    ref = made(world, GOOD, kind="statefulset")
    good = seen(world, ref, lambda w: w.rollout.state is RolloutState.COMPLETE, "it was rolled out")
    world.deploy(ref, CRASHING)
    seen(world, ref, lambda w: any(p.waiting == "CrashLoopBackOff" for p in w.pods), "it was broken")
    changed(world, ref, rollback)
    world.settled(ref)
    found = stuck.diagnosed(
        looked(world, ref), now=datetime.now(UTC), to_template_id=good.template_id, grace_seconds=0.0
    )
    assert found is not None
    assert found.cause is Cause.ORDERED

    assert world.workloads.apply(eviction(ref, *found.broken)) is Applied.CHANGED

    after = seen(world, ref, lambda w: w.rollout.state is RolloutState.COMPLETE, "it was rolled back")
    assert {pod.template_id for pod in after.pods} == {good.template_id}


def test_pods_of_a_daemon_set_are_of_the_revision_that_they_were_made_from(world: KubernetesWorld) -> None:
    ref = made(world, GOOD, kind="daemonset")

    workload = seen(world, ref, lambda w: w.ready_replicas == 2, "both pods were ready")

    assert {pod.template_id for pod in workload.pods} == {workload.template_id}


def test_an_eviction_whose_answer_was_lost_is_made_once(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = made(world, GOOD, replicas=1)
    [pod] = seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready").pods
    cluster.add_fault(Fault(verb="create", path="/eviction", drop=True, after=True))

    with pytest.raises(TemporaryError):
        world.workloads.apply(eviction(ref, pod))

    assert world.workloads.apply(eviction(ref, pod)) is Applied.ALREADY


@pytest.mark.parametrize("status", [404, 409])
def test_a_pod_that_changes_under_an_eviction_is_looked_at_again(
    cluster: Cluster, world: KubernetesWorld, status: int
) -> None:
    ref = made(world, GOOD, replicas=1)
    [pod] = seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready").pods
    change = eviction(ref, pod)
    cluster.add_fault(Fault(verb="create", path="/eviction", status=status))

    if status == 404:
        assert world.workloads.apply(change) is Applied.ALREADY
    else:
        with pytest.raises(TemporaryError, match="try again"):
            world.workloads.apply(change)
    assert world.workloads.apply(change) is Applied.CHANGED


def test_a_busy_server_is_not_taken_for_a_disruption_budget(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = made(world, GOOD, replicas=1)
    [pod] = seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready").pods
    cluster.add_fault(Fault(verb="create", path="/eviction", status=429))

    with pytest.raises(TemporaryError) as failed:
        world.workloads.apply(eviction(ref, pod))

    assert failed.value.retry_after == 1
    assert failed.value.reason is Reason.CLUSTER_UNREACHABLE


@pytest.mark.parametrize("pods", ["checkout-1", "../nodes/uid", "a/"])
def test_what_names_no_pod_is_not_evicted(world: KubernetesWorld, pods: str) -> None:
    with pytest.raises(PermanentError, match="names no pod"):
        world.workloads.apply(replace(eviction(world.new("deployment")), pods=pods))


def test_pods_of_another_workload_with_the_same_labels_are_not_its_own(world: KubernetesWorld) -> None:
    ref, other = made(world, GOOD, replicas=1), world.new("statefulset")
    uid = world.stored(other)["metadata"]["uid"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": other.name,
        "uid": uid,
        "controller": True,
    }
    for name, owners in (("orphan", []), ("another", [owner])):
        metadata = {"name": f"{ref.name}-{name}", "labels": {"app": ref.name}, "ownerReferences": owners}
        world.api.create(f"/api/v1/namespaces/{ref.namespace}/pods", {**running(BAD), "metadata": metadata})

    workload = seen(world, ref, lambda w: w.ready_replicas == 1, "the pod was ready")

    assert [dict(pod.images) for pod in workload.pods] == [{"app": GOOD}]


def test_a_revision_used_again_is_dated_by_the_deployments_progress(world: KubernetesWorld) -> None:
    ref = made(world, GOOD, replicas=1)
    world.let_a_second_pass()
    world.deploy(ref, BAD)
    seen(world, ref, lambda w: w.rollout.state is RolloutState.COMPLETE, "it was rolled out")
    replaced_at = world.read(ref).current.began_at
    assert replaced_at is not None
    world.let_a_second_pass()
    assert world.workloads.apply(rollback(world.read(ref))) is Applied.CHANGED

    restored = seen(
        world,
        ref,
        lambda w: w.rollout.state is RolloutState.COMPLETE and w.current.number == 3,
        "it was rolled back",
    )

    assert restored.current.began_at is None
    assert restored.rollout_began_at is not None
    assert restored.rollout_began_at > replaced_at


def test_a_rollback_right_after_a_read_takes_one_request(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = world.with_history("deployment")
    change = rollback(world.read(ref))
    cluster.add_fault(Fault(verb="get", times=None, status=503))
    cluster.add_fault(Fault(verb="list", times=None, status=503))

    assert world.workloads.apply(change) is Applied.CHANGED

    cluster.clear_faults()
    assert world.read(ref).image == GOOD


# trouble


def test_a_dead_address_is_temporary(tmp_path: Path, cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig().replace(cluster.url, f"http://127.0.0.1:{port}"))
    workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))
    ref = WorkloadRef(CLUSTER, "production", "deployment", "checkout")

    calls: list[Callable[[], object]] = [workloads.warm, lambda: workloads.read(ref)]
    for call in calls:
        with pytest.raises(TemporaryError) as failed:
            call()
        assert failed.value.reason is Reason.CLUSTER_UNREACHABLE
        assert TOKEN not in str(failed.value)
    workloads.close()


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_trouble_of_the_servers_own_is_temporary(
    cluster: Cluster, world: KubernetesWorld, status: int
) -> None:
    ref = world.with_history("deployment")
    change = rollback(world.read(ref))
    cluster.add_fault(Fault(verb="patch", path=ref.name, status=status))

    with pytest.raises(TemporaryError) as failed:
        world.workloads.apply(change)

    assert failed.value.reason is Reason.CLUSTER_UNREACHABLE
    assert world.workloads.apply(change) is Applied.CHANGED


def test_a_change_whose_answer_was_lost_is_sent_once_and_found_again(
    cluster: Cluster, world: KubernetesWorld
) -> None:
    ref = world.with_history("deployment")
    change = rollback(world.read(ref))
    cluster.add_fault(Fault(verb="patch", path=ref.name, drop=True, after=True))

    with pytest.raises(TemporaryError):
        world.workloads.apply(change)

    assert world.workloads.apply(change) is Applied.ALREADY
    made = [entry for entry in cluster.audit if ref.name in entry.path and entry.field_manager == "backout"]
    assert len(made) == 1


def test_a_read_over_a_connection_that_was_closed_is_read_again(
    cluster: Cluster, world: KubernetesWorld
) -> None:
    ref = world.with_history("deployment")
    cluster.add_fault(Fault(verb="get", path=ref.name, drop=True))

    assert world.read(ref).image == BAD


def test_a_server_that_hangs_is_given_up_in_time(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = world.with_history("deployment")
    hasty = KubernetesWorkloads(CLUSTER, kubeconfig=str(world.kubeconfig), timeout_seconds=0.5)
    hasty.warm()
    change = rollback(world.read(ref))
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: hasty.read(ref),
        "list": lambda: hasty.read(ref),
        "patch": lambda: hasty.apply(change),
    }

    for verb, call in calls.items():
        cluster.add_fault(Fault(verb=verb, path=ref.name, hang_seconds=2.0))
        started_at = time.monotonic()
        with pytest.raises(TemporaryError):
            call()
        assert time.monotonic() - started_at < 1.5
        cluster.clear_faults()
    hasty.close()


def test_a_call_is_bounded_below_what_the_port_allows() -> None:
    assert KubernetesWorkloads(CLUSTER)._timeout_seconds < CALL_SECONDS


def test_a_missing_kubeconfig_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(tmp_path / "none"))

    with pytest.raises(ConfigurationError):
        workloads.warm()
    workloads.close()


def test_a_kubeconfig_that_cannot_be_parsed_is_not_quoted(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(f"users: [{{name: ci, user: {{token: {TOKEN}}}\n")
    workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))

    with pytest.raises(ConfigurationError) as failed:
        workloads.warm()

    assert TOKEN not in str(failed.value)
    workloads.close()


def test_a_workload_of_another_cluster_is_refused(world: KubernetesWorld) -> None:
    ref = replace(world.new("deployment"), cluster="another")

    with pytest.raises(PermanentError) as refused:
        world.workloads.read(ref)

    assert refused.value.reason is Reason.OTHER_CLUSTER


@pytest.mark.parametrize("name", ["..", "../pods", "a/b", "Checkout", "x?y=z", ""])
def test_a_name_that_no_object_can_have_is_not_looked_for(world: KubernetesWorld, name: str) -> None:
    assert world.workloads.read(WorkloadRef(CLUSTER, world.namespace, "deployment", name)) is None
    assert world.workloads.read(WorkloadRef(CLUSTER, name, "deployment", "checkout")) is None


# rights


@pytest.fixture
def restricted(cluster: Cluster) -> Iterator[KubernetesWorld]:
    """Give a world in a namespace of its own, for denials stay."""
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        world = KubernetesWorld(cluster.kubeconfig_path, name)
        yield world
        world.close()


@pytest.mark.parametrize(
    ("verb", "resource", "grant"),
    [
        ("get", "deployments", "verb get on deployments.apps"),
        ("list", "replicasets", "verb list on replicasets.apps"),
        ("list", "pods", "verb list on pods"),
    ],
)
def test_a_missing_right_to_read_is_named(
    cluster: Cluster, restricted: KubernetesWorld, verb: str, resource: str, grant: str
) -> None:
    ref = restricted.new("deployment")
    cluster.deny(Denial(verb=verb, resource=resource, namespace=ref.namespace))

    with pytest.raises(PermanentError) as refused:
        restricted.workloads.read(ref)

    assert refused.value.reason is Reason.FORBIDDEN
    assert grant in str(refused.value)
    assert ref.namespace in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_missing_right_to_change_is_named(cluster: Cluster, restricted: KubernetesWorld) -> None:
    ref = restricted.with_history("deployment")
    restricted.autoscale(ref, minimum=1, maximum=2)
    workload = restricted.read(ref)
    cluster.deny(Denial(verb="patch", namespace=ref.namespace))
    changes: dict[str, ClusterChange] = {
        "deployments.apps": rollback(workload),
        "deployments/scale.apps": scale(workload, 2),
        "horizontalpodautoscalers.autoscaling": minimum(workload, 2, maximum=2),
    }

    for resource, change in changes.items():
        with pytest.raises(PermanentError) as refused:
            restricted.workloads.apply(change)
        assert refused.value.reason is Reason.FORBIDDEN
        assert f"verb patch on {resource}" in str(refused.value)


def test_a_missing_right_to_evict_is_named(cluster: Cluster, restricted: KubernetesWorld) -> None:
    ref, pods = restricted.with_pods("deployment", 1)
    cluster.deny(Denial(verb="create", resource="pods/eviction", namespace=ref.namespace))

    with pytest.raises(PermanentError) as refused:
        restricted.workloads.apply(eviction(ref, *pods))

    assert refused.value.reason is Reason.FORBIDDEN
    assert "verb create on pods/eviction" in str(refused.value)


def test_a_missing_right_to_restart_is_named(cluster: Cluster, restricted: KubernetesWorld) -> None:
    workload = restricted.read(restricted.new("deployment"))
    cluster.deny(Denial(verb="patch", namespace=workload.ref.namespace))

    with pytest.raises(PermanentError) as refused:
        restricted.workloads.apply(restarting(workload))

    assert "verb patch on deployments.apps" in str(refused.value)


def test_a_missing_right_to_see_events_leaves_the_pods(cluster: Cluster, restricted: KubernetesWorld) -> None:
    ref, pods = restricted.with_pods("deployment", 1)
    cluster.deny(Denial(verb="list", resource="events", namespace=ref.namespace))

    assert [(p.uid, p.trouble) for p in looked(restricted, ref).pods] == [(pods[0].uid, "")]


def test_a_missing_right_to_see_autoscalers_does_not_stop_a_rollback(
    cluster: Cluster, restricted: KubernetesWorld
) -> None:
    ref = restricted.with_history("deployment")
    restricted.autoscale(ref, minimum=1, maximum=2)
    cluster.deny(Denial(verb="list", resource="horizontalpodautoscalers", namespace=ref.namespace))

    workload = restricted.read(ref)

    assert workload.autoscaler is None
    assert restricted.workloads.apply(rollback(workload)) is Applied.CHANGED


def test_a_wrong_token_is_refused_and_not_told(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig().replace(TOKEN, "another-secret"))
    workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))

    with pytest.raises(PermanentError) as refused:
        workloads.read(WorkloadRef(CLUSTER, "production", "deployment", "checkout"))

    assert refused.value.reason is Reason.FORBIDDEN
    assert "another-secret" not in str(refused.value)
    workloads.close()
