"""The stand-in for Helm keeps releases and changes workloads as Helm does."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from sandbox.cluster import Cluster
from sandbox.helm import Failed, Helm
from sandbox.helm.api import HttpApi
from tests.sandbox.cluster.api import workload

Program: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

SECRETS = "/api/v1/namespaces/shop/secrets"
GOOD, BAD = "shop/cart:1", "shop/cart:2"
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cart"}, "data": {"tea": "green"}}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(start_seconds=0.02) as running:
        running.create_namespace("shop")
        yield running


@pytest.fixture
def api(cluster: Cluster) -> Iterator[HttpApi]:
    with HttpApi(cluster.kubeconfig_path) as client:
        yield client


@pytest.fixture
def helm(api: HttpApi) -> Helm:
    return Helm(api, "shop")


@pytest.fixture
def program(cluster: Cluster) -> Program:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sandbox.helm", *arguments],
            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig_path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def broken(helm: Helm) -> None:
    helm.install("cart", [workload("Deployment", image=GOOD), SETTINGS])
    helm.upgrade("cart", [workload("Deployment", image=BAD)], chart_version="1.0.1")


def cart(api: HttpApi, plural: str = "deployments") -> dict[str, object] | None:
    group = "/api/v1" if plural == "configmaps" else "/apis/apps/v1"
    return api.get(f"{group}/namespaces/shop/{plural}/cart")


def image(api: HttpApi) -> str:
    found = api.get("/apis/apps/v1/namespaces/shop/deployments/cart")
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def statuses(helm: Helm) -> list[str]:
    return [release.status for release in helm.history("cart")]


def test_a_release_is_kept_in_a_secret_for_each_version(api: HttpApi, helm: Helm) -> None:
    broken(helm)

    found = api.get(f"{SECRETS}/sh.helm.release.v1.cart.v2")
    assert found is not None
    assert found["type"] == "helm.sh/release.v1"
    labels = found["metadata"]["labels"]
    assert {key: labels[key] for key in ("name", "owner", "status", "version")} == {
        "name": "cart",
        "owner": "helm",
        "status": "deployed",
        "version": "2",
    }
    assert statuses(helm) == ["superseded", "deployed"]


def test_what_it_makes_carries_helms_marks(api: HttpApi, helm: Helm) -> None:
    broken(helm)

    found = api.get("/apis/apps/v1/namespaces/shop/deployments/cart")
    assert found is not None
    metadata = found["metadata"]
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "cart"
    assert metadata["annotations"]["meta.helm.sh/release-namespace"] == "shop"


def test_an_upgrade_changes_what_is_there_and_removes_what_is_not_in_it(api: HttpApi, helm: Helm) -> None:
    helm.install("cart", [workload("Deployment", image=GOOD), SETTINGS])
    assert cart(api, "configmaps") is not None

    helm.upgrade("cart", [workload("Deployment", image=BAD)])

    assert image(api) == BAD
    assert cart(api, "configmaps") is None


def test_a_rollback_makes_a_new_version_of_the_old_one(api: HttpApi, helm: Helm) -> None:
    broken(helm)

    made = helm.rollback("cart", 1)

    assert (made.version, made.description, made.chart_version) == (3, "Rollback to 1", "1.0.0")
    assert statuses(helm) == ["superseded", "superseded", "deployed"]
    assert image(api) == GOOD
    assert cart(api, "configmaps") is not None


def test_a_release_is_pending_while_the_hook_runs(api: HttpApi, helm: Helm) -> None:
    broken(helm)
    seen: list[str] = []
    watched = Helm(api, "shop", lambda: seen.extend([*statuses(helm), image(api)]))

    watched.rollback("cart", 1)

    assert seen == ["superseded", "deployed", "pending-rollback", BAD]


def test_a_pending_release_is_not_upgraded(helm: Helm) -> None:
    broken(helm)
    helm.mark(helm.history("cart")[-1], "pending-upgrade")

    with pytest.raises(Failed, match="another operation"):
        helm.upgrade("cart", [])


def test_a_version_is_made_once(helm: Helm) -> None:
    broken(helm)
    newest = helm.history("cart")[-1]

    with pytest.raises(Failed, match="release: already exists"):
        helm.store(newest)


def test_what_cannot_be_made_fails_the_version(helm: Helm) -> None:
    helm.install("cart", [workload("Deployment", image=GOOD)])
    first = helm.history("cart")[0]
    odd = first.manifest + "---\napiVersion: v1\nkind: Teapot\nmetadata: {name: cart}\n"
    helm.mark(first, "superseded")
    helm.store(type(first)(**{**vars(first), "version": 2, "manifest": odd}))

    with pytest.raises(Failed, match="no matches for kind"):
        helm.rollback("cart", 2)

    assert statuses(helm)[-1] == "failed"
    assert helm.history("cart")[-1].description.startswith('Rollback "cart" failed: ')


def test_the_program_rolls_back(api: HttpApi, helm: Helm, program: Program) -> None:
    broken(helm)

    done = program("rollback", "cart", "1", "--namespace", "shop", "--history-max", "0")

    assert (done.returncode, done.stderr) == (0, "")
    assert image(api) == GOOD


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cart", "7", "--namespace", "shop"), "Error: release has no 7 version\n"),
        (("tea", "1", "--namespace", "shop"), "Error: release: not found\n"),
        (("cart", "1", "--namespace", "elsewhere"), "Error: release: not found\n"),
    ],
)
def test_the_program_says_why_it_cannot(
    helm: Helm, program: Program, arguments: tuple[str, ...], said: str
) -> None:
    broken(helm)

    done = program("rollback", *arguments)

    assert (done.returncode, done.stderr) == (1, said)


def test_a_hook_that_fails_leaves_the_release_pending(helm: Helm, program: Program) -> None:
    broken(helm)

    done = program("--hook", "false", "rollback", "cart", "1", "--namespace", "shop")

    assert done.returncode == 1
    assert statuses(helm)[-1] == "pending-rollback"


def test_a_cluster_that_is_away_is_told(tmp_path: Path, cluster: Cluster) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig().replace(cluster.url, "http://127.0.0.1:9"))

    with HttpApi(kubeconfig) as away, pytest.raises(Failed, match="cluster unreachable"):
        Helm(away, "shop").history("cart")
