"""What git says is applied, again and again, and not while it is suspended."""

import json
from typing import Any

import pytest

from sandbox.flux import Flux
from sandbox.git import Repository
from tests.sandbox.cluster.api import BAD, DEPLOYMENT, GOOD, THIRD, Api, Object
from tests.sandbox.endpoints import eventually
from tests.sandbox.flux.objects import KUSTOMIZATIONS, NEVER, SOURCES, kustomization, manifest, source

APPS = f"{KUSTOMIZATIONS}/apps"
REQUESTED = "reconcile.fluxcd.io/requestedAt"


def image(api: Api) -> str:
    found = api.get(DEPLOYMENT)
    if found.status_code == 404:
        return ""
    [container] = found.json()["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def status(api: Api, path: str = APPS) -> Object:
    found: Object = api.document(path).get("status") or {}
    return found


def request(api: Api, path: str, token: str) -> None:
    """Ask for a reconciliation, and wait until it is over."""
    api.merge(path, {"metadata": {"annotations": {REQUESTED: token}}})
    eventually(lambda: status(api, path).get("lastHandledReconcileAt") == token)


@pytest.fixture
def applied(api: Api, flux: Flux, repository: Repository) -> str:
    """Have the good version applied from git; return its commit."""
    commit = repository.commit({"apps/cart.yaml": manifest(GOOD)})
    api.create(SOURCES, source())
    api.create(KUSTOMIZATIONS, kustomization())
    eventually(lambda: status(api).get("lastAppliedRevision") == f"main@sha1:{commit}")
    return commit


def test_what_git_says_is_applied_and_marked(api: Api, applied: str) -> None:
    labels = api.document(DEPLOYMENT)["metadata"]["labels"]

    assert image(api) == GOOD
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "apps"
    assert labels["kustomize.toolkit.fluxcd.io/namespace"] == "flux-system"
    assert status(api, f"{SOURCES}/deploy")["artifact"]["revision"] == f"main@sha1:{applied}"


def test_a_new_commit_is_applied(api: Api, repository: Repository, applied: str) -> None:
    commit = repository.commit({"apps/cart.yaml": manifest(BAD)})

    eventually(lambda: status(api)["lastAppliedRevision"] == f"main@sha1:{commit}")
    assert image(api) == BAD


def test_a_changed_template_is_put_back(api: Api, applied: str) -> None:
    api.set_image(BAD)

    eventually(lambda: image(api) == GOOD)


def test_a_changed_template_stays_while_it_is_suspended(
    api: Api, repository: Repository, applied: str
) -> None:
    other = f"{KUSTOMIZATIONS}/other"
    repository.commit({"other/none.txt": ""})
    api.create(KUSTOMIZATIONS, kustomization("other", "./other", interval=NEVER))
    api.merge(APPS, {"spec": {"suspend": True}})
    request(api, other, "what was under way is over")
    before = status(api)

    api.set_image(BAD)
    commit = repository.commit({"apps/cart.yaml": manifest(THIRD)})

    eventually(lambda: status(api, other).get("lastAppliedRevision", "").endswith(commit))
    request(api, other, "a whole round later")
    assert image(api) == BAD
    assert status(api) == before


def test_what_was_suspended_is_caught_up_with_when_it_is_resumed(api: Api, applied: str) -> None:
    api.merge(APPS, {"spec": {"suspend": True}})
    api.set_image(BAD)

    api.merge(APPS, {"spec": {"suspend": False}})

    eventually(lambda: image(api) == GOOD)


def test_an_object_that_is_marked_so_is_left_alone(api: Api, applied: str) -> None:
    disabled = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    api.merge(DEPLOYMENT, {"metadata": {"annotations": disabled}})
    request(api, APPS, "what was under way is over")
    api.set_image(BAD)

    request(api, APPS, "now")

    assert image(api) == BAD


def test_drift_is_put_back_at_once_when_that_is_asked_for(
    api: Api, flux: Flux, repository: Repository
) -> None:
    repository.commit({"apps/cart.yaml": manifest(GOOD)})
    api.create(SOURCES, source())
    api.create(KUSTOMIZATIONS, kustomization(interval=NEVER))
    eventually(lambda: image(api) == GOOD)
    api.set_image(BAD)

    request(api, APPS, "now")

    assert image(api) == GOOD


def test_a_repository_that_is_unknown_says_so(api: Api, flux: Flux) -> None:
    unknown = source()
    unknown["spec"]["url"] = "https://git.shop.example/none"
    api.create(SOURCES, unknown)

    conditions: list[Object] = eventually(lambda: status(api, f"{SOURCES}/deploy").get("conditions", []))

    assert conditions[0]["status"] == "False"
    assert "https://git.shop.example/none" in conditions[0]["message"]


def test_a_manifest_of_an_unknown_kind_says_so(api: Api, flux: Flux, repository: Repository) -> None:
    teapot = {"apiVersion": "shop.example/v1", "kind": "Teapot", "metadata": {"name": "pot"}}
    repository.commit({"apps/pot.json": json.dumps(teapot)})
    api.create(SOURCES, source())
    api.create(KUSTOMIZATIONS, kustomization())

    failed = eventually(lambda: found if "lastAttemptedRevision" in (found := status(api)) else {})

    assert "Teapot" in failed["conditions"][0]["message"]
    assert "lastAppliedRevision" not in failed


# a Kustomization that is itself in git


def child(**spec: Any) -> str:
    return json.dumps(kustomization("apps", "./apps", **spec))


@pytest.fixture
def nested(api: Api, flux: Flux) -> None:
    api.create(SOURCES, source())
    api.create(KUSTOMIZATIONS, kustomization("root", "./clusters"))


@pytest.mark.usefixtures("nested")
def test_a_suspension_stays_where_git_does_not_speak_of_it(api: Api, repository: Repository) -> None:
    repository.commit({"clusters/apps.json": child(), "apps/cart.yaml": manifest(GOOD)})
    eventually(lambda: image(api) == GOOD)
    api.merge(f"{APPS}?fieldManager=hand", {"spec": {"suspend": True}})

    request(api, f"{KUSTOMIZATIONS}/root", "now")

    found = api.document(APPS)
    assert found["spec"]["suspend"] is True
    assert found["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "root"


@pytest.mark.usefixtures("nested")
def test_a_suspension_is_put_back_where_git_says_otherwise(api: Api, repository: Repository) -> None:
    repository.commit({"clusters/apps.json": child(suspend=False), "apps/cart.yaml": manifest(GOOD)})
    eventually(lambda: image(api) == GOOD)

    api.merge(f"{APPS}?fieldManager=hand", {"spec": {"suspend": True}})

    eventually(lambda: api.document(APPS)["spec"]["suspend"] is False)
    managers = {
        entry["manager"]
        for entry in api.document(APPS)["metadata"]["managedFields"]
        if "f:suspend" in entry["fieldsV1"].get("f:spec", {})
    }
    assert managers == {"kustomize-controller"}
