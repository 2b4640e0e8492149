"""The contract of owners for Argo CD, on its stand-in with a stand-in cluster and a real git repository."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.argocd.server import TOKEN
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.owners.argo_cd import ArgoCd
from shared.domain.workloads import Workload, WorkloadRef
from tests.contract.owners import Owned, OwnersContract
from tests.sandbox.argocd.world import APP, BAD, NAME, NAMESPACE, SELF_HEAL, Object, World, running

CLUSTER = "test"
REF = WorkloadRef(CLUSTER, NAMESPACE, "deployment", NAME)


class ArgoOwned(Owned):
    """An application that heals itself, with a deployment to go back to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owners = ArgoCd(world.argocd.url, TOKEN, cluster=CLUSTER)
        world.create(SELF_HEAL)
        world.settled()
        world.deploy(BAD)

    def read(self) -> Workload:
        kubeconfig = str(self.world.cluster.kubeconfig_path)
        with closing(KubernetesWorkloads(CLUSTER, kubeconfig=kubeconfig)) as workloads:
            found = workloads.read(REF)
        assert found is not None
        return found

    def edit(self) -> None:
        self._automate({"prune": False})

    def stop_by_hand(self) -> None:
        self._automate({"enabled": False})

    def start_by_hand(self) -> None:
        self._automate({"enabled": None})

    def take_over(self) -> None:
        self.world.argocd.edit(APP, {"metadata": {"annotations": {"backout.dev/response": None}}})

    def remove(self) -> None:
        """Answer as Argo CD does to those who may see that there is none."""
        self.world.argocd.fail(status=404, path="/api/v1/applications")

    def _automate(self, change: Object) -> None:
        self.world.argocd.edit(APP, {"spec": {"syncPolicy": {"automated": change}}})


class TestArgoCd(OwnersContract):
    @pytest.fixture
    def owned(self, tmp_path: Path) -> Iterator[ArgoOwned]:
        with running(tmp_path) as world:
            yield ArgoOwned(world)
