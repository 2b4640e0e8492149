"""The contract on a real API server with real controllers; no node or kubelet is needed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.kubernetes_workloads import (
    BUILT_IN,
    KubernetesContract,
    KubernetesWorld,
    namespace_of_its_own,
)
from tests.contract.rollout_objects import RolloutObjectsContract, defined

KUBECONFIG = "BACKOUT_TEST_KUBECONFIG"

pytestmark = pytest.mark.skipif(
    KUBECONFIG not in os.environ,
    reason=f"{KUBECONFIG} names no kubeconfig of a cluster that tests may change",
)


@pytest.fixture(scope="module")
def kubeconfig() -> Path:
    return Path(os.environ[KUBECONFIG])


@pytest.fixture(scope="module")
def namespace(kubeconfig: Path) -> Iterator[str]:
    with namespace_of_its_own(kubeconfig) as name:
        yield name


class TestCluster(KubernetesContract):
    kinds = BUILT_IN

    @pytest.fixture
    def world(self, kubeconfig: Path, namespace: str) -> Iterator[KubernetesWorld]:
        world = KubernetesWorld(kubeconfig, namespace)
        yield world
        world.close()


@pytest.fixture(scope="module")
def _rollouts(kubeconfig: Path, namespace: str) -> Iterator[None]:
    with defined(kubeconfig, namespace):
        yield


@pytest.mark.usefixtures("_rollouts")
class TestClusterWithoutArgoRollouts(RolloutObjectsContract):
    """Defines Rollouts unless the cluster has them; a controller of theirs must not run in it."""
