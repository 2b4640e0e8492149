"""Argo Rollouts with running pods and routed traffic, and KEDA, on the stand-in cluster."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.cluster import Cluster, Denial, Fault
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.domain.changes import Applied
from shared.domain.reasons import Reason
from shared.domain.workloads import RolloutState, Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.api_server import Object
from tests.contract.kubernetes_workloads import STEPS, KubernetesWorld, namespace_of_its_own
from tests.contract.workloads import BAD, GOOD, abort, changed, eventually, minimum, rollback

ROUTED = {"stableService": "a", "canaryService": "b", "trafficRouting": {"nginx": {}}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.05, autoscaler_seconds=0.1) as cluster:
        cluster.define_rollouts()
        cluster.define_scaled_objects()
        yield cluster


@pytest.fixture
def world(cluster: Cluster) -> Iterator[KubernetesWorld]:
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        world = KubernetesWorld(cluster.kubeconfig_path, name)
        yield world
        world.close()


def running(image: str) -> Object:
    return {"metadata": {}, "spec": {"containers": [{"name": "app", "image": image}]}}


def seen(world: KubernetesWorld, ref: WorkloadRef, wanted: Callable[[Workload], bool], what: str) -> Workload:
    return eventually(lambda: found if wanted(found := world.read(ref)) else None, what)


def complete(world: KubernetesWorld, ref: WorkloadRef) -> Workload:
    return seen(world, ref, lambda w: w.rollout.state is RolloutState.COMPLETE, "it was complete")


def half_updated(world: KubernetesWorld, **canary: Any) -> WorkloadRef:
    """Make a Rollout of two running pods whose update waits at its first pause."""
    ref = world.absent("rollout")
    strategy = {"canary": {"steps": STEPS, **canary}}
    world.create(ref, running(GOOD), replicas=2, strategy=strategy)
    complete(world, ref)
    world.let_a_second_pass()
    world.deploy(ref, BAD)
    seen(world, ref, lambda w: w.rollout.message == "Paused - CanaryPauseStep", "the update paused")
    return ref


def asked(cluster: Cluster, ref: WorkloadRef) -> list[str]:
    """Return which parts of the Rollout this project has patched."""
    made = [e for e in cluster.audit if e.field_manager == "backout" and f"/{ref.namespace}/" in e.path]
    return [e.path.rpartition(ref.name)[2] for e in made]


def images(workload: Workload) -> list[str]:
    return sorted(image for pod in workload.pods for image in pod.images.values())


def test_pods_of_an_update_under_way_are_those_of_both_revisions(world: KubernetesWorld) -> None:
    workload = world.read(half_updated(world))

    assert images(workload) == [GOOD, BAD]
    assert (workload.replicas, workload.ready_replicas) == (2, 2)
    assert workload.rollout_began_at == workload.current.began_at


@pytest.mark.parametrize("canary", [{}, ROUTED])
def test_an_abort_brings_the_pods_of_the_stable_revision_back(
    cluster: Cluster, world: KubernetesWorld, canary: Object
) -> None:
    ref = half_updated(world, **canary)
    generation = world.read(ref).generation

    changed(world, ref, abort)

    workload = complete(world, ref)
    assert images(workload) == [GOOD, GOOD]
    assert all(pod.ready for pod in workload.pods)
    assert (workload.generation, workload.marker) == (generation, "r-1")
    assert workload.rollout_began_at == workload.current.began_at
    if canary:
        weights = world.stored(ref)["status"]["canary"]["weights"]
        assert weights["stable"]["weight"] == 100


@pytest.mark.parametrize("canary", [{}, ROUTED])
def test_what_an_update_replaced_is_restored_without_the_steps(
    cluster: Cluster, world: KubernetesWorld, canary: Object
) -> None:
    ref = half_updated(world, **canary)
    world.promote(ref)
    complete(world, ref)

    change = changed(world, ref, rollback)

    workload = complete(world, ref)
    assert (workload.marker, images(workload)) == ("r-1", [GOOD, GOOD])
    assert workload.rollout_began_at is None  # used again
    assert workload.current.number == 3
    assert "promoteFull" not in world.stored(ref)["status"]
    assert asked(cluster, ref) == ["", "/status"]
    assert world.workloads.apply(change) is Applied.ALREADY
    assert asked(cluster, ref) == ["", "/status"]


def test_a_restored_revision_is_promoted_though_the_first_answer_was_lost(
    cluster: Cluster, world: KubernetesWorld
) -> None:
    ref = half_updated(world)
    world.promote(ref)
    change = rollback(complete(world, ref))
    cluster.add_fault(Fault(verb="patch", path=rf"{ref.name}\?", drop=True, after=True))
    with pytest.raises(TemporaryError):
        world.workloads.apply(change)

    assert world.workloads.apply(change) is Applied.ALREADY

    assert images(complete(world, ref)) == [GOOD, GOOD]
    assert asked(cluster, ref) == ["", "/status"]


def test_a_revision_within_the_rollback_window_needs_no_promotion(
    cluster: Cluster, world: KubernetesWorld
) -> None:
    ref = half_updated(world)
    world.change(ref, {"spec": {"rollbackWindow": {"revisions": 1}}})
    world.promote(ref)
    complete(world, ref)

    changed(world, ref, rollback)

    assert images(complete(world, ref)) == [GOOD, GOOD]
    assert asked(cluster, ref) == [""]


def test_the_stable_revision_is_restored_at_once(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = half_updated(world)

    changed(world, ref, rollback)

    workload = complete(world, ref)
    assert (workload.image, images(workload)) == (GOOD, [GOOD, GOOD])
    assert asked(cluster, ref) == [""]


def test_an_abort_that_someone_takes_back_is_under_way_again(world: KubernetesWorld) -> None:
    ref = half_updated(world)
    changed(world, ref, abort)
    complete(world, ref)

    world.api.patch(f"{world.path(ref)}/status", {"status": {"abort": False}})

    workload = seen(world, ref, lambda w: w.image == BAD and w.stable_template_id != "", "it was tried again")
    assert len(workload.revisions) == 2


# KEDA


def scaled(world: KubernetesWorld, kind: str = "deployment", **bounds: Any) -> WorkloadRef:
    """Make a workload that KEDA scales, and return once its autoscaler has been written."""
    ref = world.absent(kind)
    world.create(ref, running(GOOD), replicas=2)
    group = "argoproj.io/v1alpha1" if kind == "rollout" else "apps/v1"
    aim = {"apiVersion": group, "kind": kind.capitalize(), "name": ref.name}
    spec = {"scaleTargetRef": aim, "triggers": [], **bounds}
    collection = f"/apis/keda.sh/v1alpha1/namespaces/{ref.namespace}/scaledobjects"
    body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": f"{ref.name}-so"}}
    world.api.create(collection, {**body, "spec": spec})
    eventually(lambda: world.read(ref).autoscaler, "KEDA wrote the autoscaler")
    return ref


def stored(world: KubernetesWorld, ref: WorkloadRef) -> Object:
    found = world.api.get(f"/apis/keda.sh/v1alpha1/namespaces/{ref.namespace}/scaledobjects/{ref.name}-so")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("bounds", "told"), [({"minReplicaCount": 2, "maxReplicaCount": 5}, (2, 5)), ({}, (0, 100))]
)
def test_the_bounds_are_those_of_the_scaled_object(
    world: KubernetesWorld, bounds: dict[str, Any], told: tuple[int, int]
) -> None:
    ref = scaled(world, **bounds)

    scaler = world.read(ref).autoscaler

    assert scaler is not None
    assert (scaler.kind, scaler.name) == ("ScaledObject", f"{ref.name}-so")
    assert (scaler.minimum, scaler.maximum) == told


@pytest.mark.parametrize("kind", ["deployment", "rollout"])
def test_the_minimum_is_set_at_the_scaled_object_once_and_lasts(world: KubernetesWorld, kind: str) -> None:
    ref = scaled(world, kind, minReplicaCount=2, maxReplicaCount=3)

    change = changed(world, ref, lambda workload: minimum(workload, 4, maximum=4))

    assert world.workloads.apply(change) is Applied.ALREADY
    found = stored(world, ref)
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (4, 4)
    assert found["metadata"]["annotations"]["backout.dev/response"] == "r-1"
    seen(world, ref, lambda w: w.replicas == 4, "KEDA had it scaled")


def test_a_scaled_object_that_someone_else_set_is_kept(world: KubernetesWorld) -> None:
    ref = scaled(world, minReplicaCount=2, maxReplicaCount=3)
    stale = minimum(world.read(ref), 4, maximum=4)
    path = f"/apis/keda.sh/v1alpha1/namespaces/{ref.namespace}/scaledobjects/{ref.name}-so"
    world.api.patch(path, {"spec": {"maxReplicaCount": 9}})

    assert world.workloads.apply(stale) is Applied.MOVED

    assert stored(world, ref)["spec"]["maxReplicaCount"] == 9


def test_a_scaled_object_that_is_gone_has_moved(world: KubernetesWorld) -> None:
    ref = scaled(world, minReplicaCount=2)
    change = minimum(world.read(ref), 4, maximum=100)
    world.api.delete(f"/apis/keda.sh/v1alpha1/namespaces/{ref.namespace}/scaledobjects/{ref.name}-so")
    seen(world, ref, lambda w: w.autoscaler is None, "its autoscaler went too")

    assert world.workloads.apply(change) is Applied.MOVED


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_without_a_right_on_scaled_objects_capacity_is_refused_in_words_and_a_rollback_is_not(
    cluster: Cluster, world: KubernetesWorld, verb: str
) -> None:
    ref = scaled(world, minReplicaCount=2, maxReplicaCount=3)
    world.deploy(ref, BAD)
    cluster.deny(Denial(verb=verb, resource="scaledobjects", namespace=ref.namespace))
    workload = world.read(ref)
    assert workload.autoscaler is not None
    assert (workload.autoscaler.minimum, workload.autoscaler.maximum) == (2, 3)

    with pytest.raises(PermanentError) as refused:
        world.workloads.apply(minimum(workload, 3, maximum=3))

    assert refused.value.reason is Reason.FORBIDDEN
    assert f"verb {verb} on scaledobjects.keda.sh" in str(refused.value)
    changed(world, ref, rollback)


def test_no_scaled_object_is_asked_for_where_there_is_none(cluster: Cluster, world: KubernetesWorld) -> None:
    ref = world.absent("deployment")
    world.create(ref, running(GOOD), replicas=2)
    world.autoscale(ref, minimum=2, maximum=3)
    cluster.deny(Denial(resource="scaledobjects", namespace=ref.namespace))
    strict = KubernetesWorkloads("test", kubeconfig=str(world.kubeconfig))

    workload = strict.read(ref)

    strict.close()
    assert workload is not None
    assert workload.autoscaler is not None
    assert workload.autoscaler.kind == "HorizontalPodAutoscaler"
