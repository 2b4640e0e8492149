"""The contract of Flux's owners on a real API server; no Flux is needed, nor a node."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.flux_owners import FluxOwnersContract, FluxWorld, flux_definitions
from tests.contract.kubernetes_workloads import namespace_of_its_own

KUBECONFIG = "BACKOUT_TEST_KUBECONFIG"

pytestmark = pytest.mark.skipif(
    KUBECONFIG not in os.environ,
    reason=f"{KUBECONFIG} names no kubeconfig of a cluster that tests may change",
)


class TestCluster(FluxOwnersContract):
    @pytest.fixture(scope="class")
    def namespace(self) -> Iterator[str]:
        kubeconfig = Path(os.environ[KUBECONFIG])
        with flux_definitions(kubeconfig), namespace_of_its_own(kubeconfig) as name:
            yield name

    @pytest.fixture
    def world(self, namespace: str) -> Iterator[FluxWorld]:
        world = FluxWorld(Path(os.environ[KUBECONFIG]), namespace)
        yield world
        world.close()
