"""The contract of Jobs on a real API server with real controllers; no node or kubelet is needed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.jobs import JobsContract, JobsWorld
from tests.contract.kubernetes_workloads import namespace_of_its_own

KUBECONFIG = "BACKOUT_TEST_KUBECONFIG"

pytestmark = pytest.mark.skipif(
    KUBECONFIG not in os.environ,
    reason=f"{KUBECONFIG} names no kubeconfig of a cluster that tests may change",
)


class TestCluster(JobsContract):
    @pytest.fixture(scope="class")
    def namespace(self) -> Iterator[str]:
        with namespace_of_its_own(Path(os.environ[KUBECONFIG])) as name:
            yield name

    @pytest.fixture
    def world(self, namespace: str) -> Iterator[JobsWorld]:
        world = JobsWorld(Path(os.environ[KUBECONFIG]), namespace)
        yield world
        world.close()
