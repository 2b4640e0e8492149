"""The adapter with Flux's controllers at work, and with clusters that have none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.flux import Flux
from sandbox.git import Repository
from shared.adapters.kubernetes import KubernetesWorkloads
from shared.adapters.owners.flux import HELM_RELEASE, KUSTOMIZATION, FluxOwner
from shared.adapters.owners.flux_sources import commit_of
from shared.domain.changes import Applied, StopOwner
from shared.domain.owners import Ownership, Source
from shared.domain.reasons import Reason
from shared.domain.workloads import Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from tests.contract.flux_owners import resume, stop, suspension
from tests.contract.workloads import rollback
from tests.fakes.http_server import Answer, Request, serving
from tests.sandbox.cluster.api import BAD, DEPLOYMENT, GOOD, Api
from tests.sandbox.endpoints import eventually
from tests.sandbox.flux.objects import (
    KUSTOMIZATIONS,
    NEVER,
    RELEASES,
    SOON,
    SOURCES,
    URL,
    kustomization,
    manifest,
    release,
    source,
)

CLUSTER = "test"
CART = WorkloadRef(CLUSTER, "shop", "deployment", "cart")
OTHER = f"{KUSTOMIZATIONS}/other"
REQUESTED = "reconcile.fluxcd.io/requestedAt"


class Installation:
    """A cluster with Flux in it, a team's repository, and the adapters that Backout looks at it with."""

    def __init__(self, cluster: Cluster, api: Api, repository: Repository) -> None:
        self.api = api
        self.repository = repository
        self.workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(cluster.kubeconfig_path))
        connection = self.workloads.connection
        self.owners = {kind: FluxOwner(connection, kind) for kind in (KUSTOMIZATION, HELM_RELEASE)}

    def read(self) -> Workload:
        found = self.workloads.read(CART)
        assert found is not None
        return found

    def look(self) -> tuple[FluxOwner, Ownership]:
        workload = self.read()
        assert workload.owner is not None
        owner = self.owners[workload.owner.kind]
        seen = owner.look(workload)
        assert seen is not None
        return owner, seen

    def stop(self) -> tuple[FluxOwner, Ownership, StopOwner]:
        """Stop the owner, looking again for as long as it changes or is busy."""

        def stopped() -> tuple[FluxOwner, Ownership, StopOwner] | None:
            owner, seen = self.look()
            change = stop(seen, CART)
            try:
                return (owner, seen, change) if owner.apply(change) is Applied.CHANGED else None
            except TemporaryError:
                return None

        found = eventually(stopped)
        assert found is not None
        return found

    def image(self) -> str:
        return self.read().image

    def deployed(self, image: str) -> None:
        def is_there() -> bool:
            found = self.workloads.read(CART)
            return found is not None and found.image == image and found.revisions[0].name != ""

        eventually(is_there)

    def roll_back(self) -> None:
        eventually(lambda: self.workloads.apply(rollback(self.read())) is Applied.CHANGED)

    def let_flux_look_around(self) -> None:
        """Return when Flux has gone through all its objects once more."""
        before = (self.api.document(OTHER).get("status") or {}).get("lastHandledReconcileAt", "0")
        token = str(int(before) + 1)
        self.api.merge(OTHER, {"metadata": {"annotations": {REQUESTED: token}}})
        eventually(lambda: self.api.document(OTHER)["status"].get("lastHandledReconcileAt") == token)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    repository = Repository.create(tmp_path / "deploy.git")
    repository.commit({"other/none.txt": "nothing"})
    with (
        Cluster(start_seconds=0.02, stop_seconds=0.02) as cluster,
        Api(cluster.url) as api,
        Flux(cluster.url, repositories={URL: repository.path}, poll_seconds=0.02),
    ):
        cluster.create_namespace("shop")
        cluster.create_namespace("flux-system")
        api.create(SOURCES, source())
        api.create(KUSTOMIZATIONS, kustomization("other", "./other", interval=NEVER))
        installation = Installation(cluster, api, repository)
        yield installation
        installation.workloads.close()


def test_a_rollback_lasts_from_the_stop_until_git_has_been_reverted(installation: Installation) -> None:
    world = installation
    world.api.create(KUSTOMIZATIONS, kustomization("apps", "./apps", interval=SOON))
    world.repository.commit({"apps/cart.yaml": manifest(GOOD)})
    world.deployed(GOOD)
    bad = world.repository.commit({"apps/cart.yaml": manifest(BAD)})
    world.deployed(BAD)
    eventually(lambda: world.look()[1].source == Source(URL, "main", bad))

    owner, seen, stopped = world.stop()
    world.roll_back()
    world.let_flux_look_around()
    assert world.image() == GOOD
    assert not owner.in_step(suspension(seen), commit=bad[::-1])

    revert = world.repository.commit({"apps/cart.yaml": manifest(GOOD)}, message="revert")
    eventually(lambda: owner.in_step(suspension(seen), commit=revert))
    assert owner.apply(resume(stopped)) is Applied.CHANGED

    eventually(lambda: world.look()[1].source.commit == revert)
    assert world.image() == GOOD
    assert world.look()[1].running


def test_what_is_not_stopped_is_undone(installation: Installation) -> None:
    world = installation
    world.api.create(KUSTOMIZATIONS, kustomization("apps", "./apps", interval=SOON))
    world.repository.commit({"apps/cart.yaml": manifest(GOOD)})
    world.deployed(GOOD)
    world.repository.commit({"apps/cart.yaml": manifest(BAD)})
    world.deployed(BAD)

    world.roll_back()

    eventually(lambda: world.image() == BAD)


def test_a_suspension_that_git_would_put_back_is_an_obstacle(installation: Installation) -> None:
    world = installation
    child: dict[str, Any] = kustomization("apps", "./apps", interval=NEVER, suspend=False)
    files = {"clusters/apps.json": json.dumps(child), "apps/cart.yaml": manifest(GOOD)}
    world.repository.commit(files)
    world.api.create(KUSTOMIZATIONS, kustomization("root", "./clusters", interval=NEVER))
    world.deployed(GOOD)

    _, seen = world.look()

    assert "the Flux Kustomization flux-system/root sets spec.suspend" in seen.obstacle

    del child["spec"]["suspend"]
    world.repository.commit({"clusters/apps.json": json.dumps(child)})
    eventually(lambda: world.look()[1].obstacle == "")
    assert world.look()[1].running


def test_a_helm_release_is_stopped_and_upgraded_when_its_values_are_reverted(
    installation: Installation,
) -> None:
    world = installation
    correcting: dict[str, Any] = {"driftDetection": {"mode": "enabled"}}

    def in_git(image: str) -> str:
        return world.repository.commit({"apps/cart.json": json.dumps(release(image, **correcting))})

    in_git(GOOD)
    world.api.create(KUSTOMIZATIONS, kustomization("apps", "./apps", interval=NEVER))
    world.deployed(GOOD)
    bad = in_git(BAD)
    world.deployed(BAD)
    eventually(lambda: world.look()[1].source == Source(URL, "main", bad))

    owner, seen, stopped = world.stop()
    assert (seen.kind, seen.namespace, seen.name) == (HELM_RELEASE, "flux-system", "cart")
    world.roll_back()
    world.let_flux_look_around()
    assert world.image() == GOOD

    revert = in_git(GOOD)
    eventually(lambda: owner.in_step(suspension(seen), commit=revert))
    assert owner.apply(resume(stopped)) is Applied.CHANGED

    path = f"{RELEASES}/cart"
    eventually(lambda: world.api.document(path)["status"].get("lastHandledReconcileAt") == "r-1")
    assert world.image() == GOOD
    assert world.api.document(DEPLOYMENT)["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"] == "cart"


@pytest.mark.parametrize(
    ("revision", "commit"),
    [
        ("main@sha1:6f8f58cd", "6f8f58cd"),
        ("feature/a@b@sha1:6f8f58cd", "6f8f58cd"),
        ("sha1:6f8f58cd", "6f8f58cd"),
        ("main/6f8f58cd", ""),
        ("", ""),
    ],
)
def test_a_commit_is_read_out_of_a_revision(revision: str, commit: str) -> None:
    assert commit_of(revision) == commit


# clusters as they answer where Flux's objects are not served


@contextmanager
def answering(tmp_path: Path, groups: list[str], *, status: int = 200) -> Iterator[FluxOwner]:
    """Give an owner of a cluster that serves these groups, and none of what is asked for."""

    def answer(request: Request) -> Answer:
        if request.path == "/apis":
            body = {"kind": "APIGroupList", "groups": [{"name": name, "versions": []} for name in groups]}
            return Answer(status, json.dumps(body).encode())
        return Answer(404, b"404 page not found\n")

    with serving(answer) as server:
        user = {"name": "test", "user": {}}
        cluster = {"name": "test", "cluster": {"server": server.url}}
        context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "users": [user],
            "contexts": [context],
            "current-context": "test",
        }
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(config))
        workloads = KubernetesWorkloads(CLUSTER, kubeconfig=str(kubeconfig))
        yield FluxOwner(workloads.connection, KUSTOMIZATION)
        workloads.close()


GONE = suspension(Ownership(KUSTOMIZATION, "flux-system", "apps"))


def test_where_flux_has_been_uninstalled_its_marks_mean_nothing(tmp_path: Path) -> None:
    with answering(tmp_path, ["apps", "batch"]) as owner:
        assert owner.in_step(GONE, commit="6f8f58cd")


def test_a_flux_too_old_is_not_taken_for_none(tmp_path: Path) -> None:
    with (
        answering(tmp_path, ["apps", "kustomize.toolkit.fluxcd.io"]) as owner,
        pytest.raises(PermanentError, match="upgrade Flux") as refused,
    ):
        owner.in_step(GONE, commit="6f8f58cd")

    assert refused.value.reason is Reason.MANAGED_BY_OWNER


def test_a_page_that_is_not_the_clusters_is_not_taken_for_its_word(tmp_path: Path) -> None:
    with answering(tmp_path, [], status=404) as owner, pytest.raises(PermanentError):
        owner.in_step(GONE, commit="6f8f58cd")
