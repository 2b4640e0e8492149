"""Reading Helm's history on the stand-in cluster."""

from collections.abc import Iterator

import pytest

from sandbox.cluster import Cluster
from tests.contract.helm_releases import HelmReleasesContract, HelmWorld
from tests.contract.kubernetes_workloads import namespace_of_its_own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    with namespace_of_its_own(cluster.kubeconfig_path) as name:
        yield name


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[HelmWorld]:
    world = HelmWorld(cluster.kubeconfig_path, namespace)
    yield world
    world.close()


class TestSandbox(HelmReleasesContract):
    pass
