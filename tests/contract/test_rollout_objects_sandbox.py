"""Argo Rollouts as their controller leaves them, on the stand-in cluster without that controller."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.cluster import Cluster, Denial, Fault, custom
from shared.domain.changes import Applied, RestoreRevision
from shared.domain.reasons import Reason
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.kubernetes_workloads import namespace_of_its_own
from tests.contract.rollout_objects import IN_STEPS, PAUSED, RolloutObjectsContract, WrittenRollouts
from tests.contract.workloads import BAD, GOOD, abort, rollback


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(operators=False) as cluster:
        cluster.define_rollouts()
        yield cluster


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster) -> Path:
    return cluster.kubeconfig_path


@pytest.fixture(scope="module")
def namespace(kubeconfig: Path) -> Iterator[str]:
    with namespace_of_its_own(kubeconfig) as name:
        yield name


class TestSandboxWithoutArgoRollouts(RolloutObjectsContract):
    @pytest.fixture(autouse=True)
    def _without_faults(self, cluster: Cluster) -> Iterator[None]:
        yield
        cluster.clear_faults()

    def test_an_abort_right_after_a_read_takes_two_requests(
        self, cluster: Cluster, world: WrittenRollouts
    ) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        cluster.add_fault(Fault(verb="get", times=None, status=503))
        cluster.add_fault(Fault(verb="list", times=None, status=503))

        assert world.workloads.apply(change) is Applied.CHANGED

        made = [(e.path.rpartition(ref.name)[2]) for e in cluster.audit if e.field_manager == "backout"]
        assert made[-2:] == ["", "/status"]

    @pytest.mark.parametrize("path", ["", "/status"])
    def test_an_abort_of_which_an_answer_was_lost_is_found_or_made_again(
        self, cluster: Cluster, world: WrittenRollouts, path: str
    ) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        cluster.add_fault(Fault(verb="patch", path=rf"{ref.name}{path}\?", drop=True, after=True))

        with pytest.raises(TemporaryError):
            world.workloads.apply(change)

        again = world.workloads.apply(change)
        assert again is (Applied.ALREADY if path else Applied.CHANGED)
        after = world.read(ref)
        assert (after.image, after.marker) == (GOOD, "r-1")

    def test_a_controller_that_never_rests_is_left_alone_in_the_end(
        self, cluster: Cluster, world: WrittenRollouts
    ) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        cluster.add_fault(Fault(verb="patch", path=f"{ref.name}/status", times=None, status=409))

        assert world.workloads.apply(change) is Applied.MOVED

        assert "abort" not in world.stored(ref)["status"]

    def test_an_abort_that_the_cluster_only_seems_to_take_is_no_abort(
        self, cluster: Cluster, world: WrittenRollouts
    ) -> None:
        ref = world.half_updated()
        change = abort(world.read(ref))
        cluster.add_fault(Fault(verb="patch", path=f"{ref.name}/status", status=404))

        with pytest.raises(PermanentError, match=r"did not set status\.abort"):
            world.workloads.apply(change)

    @pytest.mark.parametrize("fault", [Fault(status=409), Fault(drop=True, after=True), Fault(drop=True)])
    def test_a_promotion_that_came_to_nothing_is_asked_for_again(
        self, cluster: Cluster, world: WrittenRollouts, fault: Fault
    ) -> None:
        ref, change = restored_in_steps(world)
        cluster.add_fault(replace(fault, verb="patch", path=f"{ref.name}/status"))
        if fault.drop:
            with pytest.raises(TemporaryError):
                world.workloads.apply(change)

        assert world.workloads.apply(change) is Applied.ALREADY

        assert world.stored(ref)["status"]["promoteFull"] is True

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_promotion_that_is_refused_leaves_the_revision_restored(
        self, cluster: Cluster, world: WrittenRollouts, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        ref, change = restored_in_steps(world)
        cluster.add_fault(Fault(verb="patch", path=f"{ref.name}/status", status=status))

        assert world.workloads.apply(change) is Applied.ALREADY

        assert "promoteFull" not in world.stored(ref)["status"]
        assert ref.name in caplog.text


def restored_in_steps(world: WrittenRollouts) -> tuple[WorkloadRef, RestoreRevision]:
    """Make a Rollout whose revision was put back, and waits at a pause because of a crash."""
    ref = world.healthy(strategy=IN_STEPS)
    change = rollback(world.read(ref))
    world.apply_unseen(change)
    world.say(ref, stable=BAD, current=GOOD, **PAUSED)
    return ref, change


def test_without_a_status_subresource_the_rollout_itself_is_patched() -> None:
    definition = copy.deepcopy(custom.ROLLOUTS)
    del definition["spec"]["versions"][0]["subresources"]["status"]
    with Cluster(operators=False) as cluster, namespace_of_its_own(cluster.kubeconfig_path) as namespace:
        world = WrittenRollouts(cluster.kubeconfig_path, namespace)
        world.install(definition)
        ref = world.half_updated()

        assert world.workloads.apply(abort(world.read(ref))) is Applied.CHANGED

        assert world.stored(ref)["status"]["abort"] is True
        assert world.read(ref).image == GOOD
        ref, change = restored_in_steps(world)
        assert world.workloads.apply(change) is Applied.ALREADY
        assert world.stored(ref)["status"]["promoteFull"] is True
        world.close()


@pytest.mark.parametrize(
    ("resource", "grant"),
    [
        ("rollouts", "verb patch on rollouts.argoproj.io"),
        ("rollouts/status", "patch on rollouts/status.argoproj"),
    ],
)
def test_a_missing_right_is_named(cluster: Cluster, kubeconfig: Path, resource: str, grant: str) -> None:
    with namespace_of_its_own(kubeconfig) as namespace:
        world = WrittenRollouts(kubeconfig, namespace)
        ref = world.half_updated()
        workload = world.read(ref)
        cluster.deny(Denial(verb="patch", resource=resource, namespace=namespace))

        with pytest.raises(PermanentError) as refused:
            world.workloads.apply(abort(workload))

        assert refused.value.reason is Reason.FORBIDDEN
        assert grant in str(refused.value)
        if resource == "rollouts":
            with pytest.raises(PermanentError, match=grant):
                world.workloads.apply(rollback(workload))
        world.close()
