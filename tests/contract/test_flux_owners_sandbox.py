"""The contract of Flux's owners on the stand-in cluster, and what only it can show."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.cluster import Cluster, Denial, Fault
from shared.adapters.owners.flux import HELM_RELEASE, KUSTOMIZATION
from shared.domain.changes import Applied
from shared.domain.owners import Source
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from tests.contract.flux_owners import (
    COMMIT,
    FluxOwnersContract,
    FluxWorld,
    every_owner,
    flux_definitions,
    flux_owner,
    resume,
    stop,
    suspension,
)
from tests.contract.kubernetes_workloads import namespace_of_its_own

TOKEN = "s3cr3t-token-of-the-test"  # a made-up credential


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02, token=TOKEN) as cluster, flux_definitions(cluster.kubeconfig_path):
        yield cluster


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        yield name


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[FluxWorld]:
    world = FluxWorld(cluster.kubeconfig_path, namespace)
    yield world
    cluster.clear_faults()
    world.close()


class TestSandbox(FluxOwnersContract):
    pass


# trouble


@every_owner
def test_a_change_whose_answer_was_lost_is_found_again(cluster: Cluster, world: FluxWorld, kind: str) -> None:
    workload = world.owned(kind)
    stopped = stop(world.look(workload), workload.ref)

    for change in (stopped, resume(stopped)):
        cluster.add_fault(Fault(verb="patch", path=f"{workload.ref.name}.*backout", drop=True, after=True))
        with pytest.raises(TemporaryError) as failed:
            world.owners[kind].apply(change)
        assert failed.value.reason is Reason.CLUSTER_UNREACHABLE
        assert world.owners[kind].apply(change) is Applied.ALREADY

    made = [e for e in cluster.audit if e.name == workload.ref.name and e.field_manager == "backout"]
    assert len(made) == 2


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_trouble_of_the_servers_own_is_temporary(cluster: Cluster, world: FluxWorld, status: int) -> None:
    workload = world.owned(KUSTOMIZATION)
    owner = world.owners[KUSTOMIZATION]
    change = stop(world.look(workload), workload.ref)
    calls: dict[str, Callable[[], object]] = {
        "kustomizations": lambda: owner.look(workload),
        "gitrepositories": lambda: owner.look(workload),
        "fieldManager": lambda: owner.apply(change),
    }

    for path, call in calls.items():
        cluster.add_fault(Fault(path=path, status=status))
        with pytest.raises(TemporaryError) as failed:
            call()
        assert failed.value.reason is Reason.CLUSTER_UNREACHABLE

    assert owner.apply(change) is Applied.CHANGED


def test_a_conflict_with_a_write_that_means_nothing_is_resumed_the_next_time(
    cluster: Cluster, world: FluxWorld
) -> None:
    workload = world.owned(KUSTOMIZATION)
    owner = world.owners[KUSTOMIZATION]
    stopped = stop(world.look(workload), workload.ref)
    owner.apply(stopped)
    cluster.add_fault(Fault(verb="patch", path=workload.ref.name, status=409))

    with pytest.raises(TemporaryError):
        owner.apply(resume(stopped))

    assert owner.apply(resume(stopped)) is Applied.CHANGED


def test_a_conflict_while_it_is_stopped_has_moved(cluster: Cluster, world: FluxWorld) -> None:
    workload = world.owned(KUSTOMIZATION)
    change = stop(world.look(workload), workload.ref)
    cluster.add_fault(Fault(verb="patch", path=workload.ref.name, status=409))

    assert world.owners[KUSTOMIZATION].apply(change) is Applied.MOVED

    assert world.look(workload).running


def test_a_server_that_hangs_is_given_up_in_time(cluster: Cluster, world: FluxWorld) -> None:
    workload = world.owned(KUSTOMIZATION)
    seen = world.look(workload)
    workloads, hasty = flux_owner(cluster.kubeconfig_path, KUSTOMIZATION, timeout_seconds=0.5)
    workloads.warm()
    calls: list[Callable[[], object]] = [
        lambda: hasty.look(workload),
        lambda: hasty.apply(stop(seen, workload.ref)),
        lambda: hasty.in_step(suspension(seen), commit=COMMIT),
    ]

    for call in calls:
        cluster.add_fault(Fault(path="kustomizations", hang_seconds=2.0))
        started_at = time.monotonic()
        with pytest.raises(TemporaryError):
            call()
        assert time.monotonic() - started_at < 1.5
    workloads.close()


def test_a_dead_address_is_temporary(cluster: Cluster, world: FluxWorld, tmp_path: Path) -> None:
    workload = world.owned(KUSTOMIZATION)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig().replace(cluster.url, f"http://127.0.0.1:{port}"))
    workloads, owner = flux_owner(kubeconfig, KUSTOMIZATION)

    with pytest.raises(TemporaryError) as failed:
        owner.look(workload)

    assert failed.value.reason is Reason.CLUSTER_UNREACHABLE
    assert TOKEN not in str(failed.value)
    workloads.close()


# rights


@pytest.fixture
def restricted(cluster: Cluster) -> Iterator[FluxWorld]:
    """Give a world in a namespace of its own, for denials stay."""
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        world = FluxWorld(cluster.kubeconfig_path, name)
        yield world
        world.close()


@pytest.mark.parametrize(
    ("kind", "grant"),
    [
        (KUSTOMIZATION, "kustomizations.kustomize.toolkit.fluxcd.io"),
        (HELM_RELEASE, "helmreleases.helm.toolkit.fluxcd.io"),
    ],
)
def test_a_missing_right_to_an_owner_is_named(
    cluster: Cluster, restricted: FluxWorld, kind: str, grant: str
) -> None:
    workload = restricted.owned(kind)
    seen = restricted.look(workload)
    owner = restricted.owners[kind]
    plural = grant.partition(".")[0]
    calls: dict[str, Callable[[], object]] = {
        "patch": lambda: owner.apply(stop(seen, workload.ref)),
        "get": lambda: owner.look(workload),
    }

    for verb, call in calls.items():
        cluster.deny(Denial(verb=verb, resource=plural, namespace=restricted.namespace))
        with pytest.raises(PermanentError) as refused:
            call()
        assert refused.value.reason is Reason.FORBIDDEN
        assert f"verb {verb} on {grant} in the namespace {restricted.namespace}" in str(refused.value)
        assert TOKEN not in str(refused.value)


def test_a_missing_right_to_the_source_does_not_stop_a_rollback_and_is_told(
    cluster: Cluster, restricted: FluxWorld
) -> None:
    workload = restricted.owned(KUSTOMIZATION)
    cluster.deny(Denial(verb="get", resource="gitrepositories", namespace=restricted.namespace))

    seen = restricted.look(workload)

    assert (seen.running, seen.obstacle, seen.source) == (True, "", Source())
    assert "grant the verb get on gitrepositories.source.toolkit.fluxcd.io" in seen.note
    owner = restricted.owners[KUSTOMIZATION]
    assert owner.apply(stop(seen, workload.ref)) is Applied.CHANGED
    with pytest.raises(PermanentError) as refused:
        owner.in_step(suspension(seen), commit=COMMIT)
    assert refused.value.reason is Reason.FORBIDDEN
