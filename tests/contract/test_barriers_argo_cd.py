"""The contract of barriers for Argo CD's sync windows, on its stand-in, and what only it shows."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.argocd.server import TOKEN
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.owners.argo_cd_windows import ArgoCdWindows
from shared.domain.changes import Applied
from shared.errors import PermanentError, TemporaryError
from tests.contract.barriers import WHY, BarrierContract, BarrierWorld
from tests.sandbox.argocd.world import APP, World, running

THEIRS: dict[str, Any] = {
    "kind": "deny", "schedule": "0 22 * * *", "duration": "8h", "applications": ["*"], "timeZone": "UTC",
}  # fmt: skip


class ArgoWorld(BarrierWorld):
    def __init__(self, world: World, workloads: KubernetesWorkloads) -> None:
        self.projects = world.argocd.projects
        self.argocd = world.argocd
        self.projects.create("shop", THEIRS)
        self.barrier = ArgoCdWindows(world.argocd.url, TOKEN, workloads)

    def ours(self) -> list[dict[str, Any]]:
        return [window for window in self.projects.windows("shop") if window != THEIRS]

    def closed(self) -> bool:
        return any(APP in window["applications"] for window in self.ours())

    def changes(self) -> int:
        return self.projects.writes

    def refuse(self) -> None:
        self.projects.rights = {"get"}


@pytest.fixture(params=[True, False], ids=["keeps descriptions", "keeps none"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ArgoWorld]:
    with running(tmp_path) as shop:
        shop.create(None)
        shop.argocd.sync(APP)
        shop.settled()
        kubeconfig = str(shop.cluster.kubeconfig_path)
        with closing(KubernetesWorkloads("test", kubeconfig=kubeconfig)) as workloads:
            made = ArgoWorld(shop, workloads)
            made.projects.described = request.param
            yield made


class TestArgoCdWindows(BarrierContract):
    pass


def test_the_window_denies_automated_syncs_always_and_nobody_elses_is_touched(world: ArgoWorld) -> None:
    assert world.place == f"shop/{APP}"
    world.barrier.apply(world.place, closed=True, why=WHY)

    [ours] = world.ours()
    assert THEIRS in world.projects.windows("shop")
    assert (ours["kind"], ours["schedule"], ours["duration"]) == ("deny", "* * * * *", "61m")
    assert (ours["applications"], ours["manualSync"]) == ([APP], True)

    world.barrier.apply(world.place, closed=False)
    assert world.projects.windows("shop") == [THEIRS]


def test_two_applications_of_a_project_share_one_window_until_the_last_is_open(world: ArgoWorld) -> None:
    world.barrier.apply(world.place, closed=True, why=WHY)
    world.barrier.apply("shop/other", closed=True, why=WHY)
    assert [window["applications"] for window in world.ours()] == [[APP, "other"]]

    world.barrier.apply(world.place, closed=False)
    assert [window["applications"] for window in world.ours()] == [["other"]]

    world.barrier.apply("shop/other", closed=False)
    assert world.ours() == []


def test_someone_who_changes_the_project_meanwhile_loses_nothing(world: ArgoWorld) -> None:
    added = {**THEIRS, "schedule": "0 12 * * *"}
    place = world.place
    world.projects.meanwhile = lambda: world.projects.edit("shop", THEIRS, added)

    assert world.barrier.apply(place, closed=True, why=WHY) is Applied.CHANGED
    assert world.projects.windows("shop")[:2] == [THEIRS, added]
    assert world.closed()


def test_a_window_whose_answer_was_lost_is_added_once(world: ArgoWorld) -> None:
    place = world.place
    world.argocd.lose_answers(2, path="/api/v1/projects/shop")

    with pytest.raises(TemporaryError):
        world.barrier.apply(place, closed=True, why=WHY)
    with pytest.raises(TemporaryError):
        world.barrier.apply(place, closed=True, why=WHY)

    world.barrier.apply(place, closed=True, why=WHY)
    assert (len(world.ours()), world.changes()) == (1, 1)


def test_a_project_that_is_gone_has_nothing_to_open(world: ArgoWorld) -> None:
    assert world.barrier.apply("gone/app", closed=False) is Applied.ALREADY
    with pytest.raises(PermanentError, match="no project gone"):
        world.barrier.apply("gone/app", closed=True, why=WHY)
