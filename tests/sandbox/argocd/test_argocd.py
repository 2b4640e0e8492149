"""Argo CD's stand-in: what its controller does to a cluster, and what its API answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.argocd.server import TOKEN
from sandbox.cluster import Fault
from tests.sandbox.argocd.world import (
    APP,
    BAD,
    DEPLOYMENT,
    GOOD,
    NAMESPACE,
    SELF_HEAL,
    Object,
    World,
    application,
    deployment,
    running,
)
from tests.sandbox.endpoints import eventually

ON_ITS_OWN = f"/api/v1/applications/{APP}"
CONFIG_MAP = f"/api/v1/namespaces/{NAMESPACE}/configmaps/settings"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as world:
        yield world


def call(
    world: World, method: str, path: str = ON_ITS_OWN, *, token: str = TOKEN, **more: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, f"{world.argocd.url}{path}", headers=headers, timeout=10, **more)


def patch(world: World, body: Any, kind: str) -> httpx.Response:
    return call(world, "PATCH", json={"name": APP, "patch": json.dumps(body), "patchType": kind})


def stopped(world: World) -> None:
    answer = patch(world, {"spec": {"syncPolicy": {"automated": {"enabled": False}}}}, "merge")
    assert answer.status_code == 200, answer.text


def at_rest(world: World) -> None:
    """Let the controller look at everything once more."""
    call(world, "GET", params={"refresh": "normal"})


# the controller


def test_automated_sync_deploys_each_commit_and_keeps_a_history(world: World) -> None:
    world.create({})
    first = world.commits[GOOD]
    world.settled()
    second = world.deploy(BAD)

    assert world.image() == BAD
    history = world.status("history")
    assert [(one["id"], one["revision"]) for one in history] == [(0, first), (1, second)]
    assert history[1]["source"] == application(world.repository.url)["spec"]["source"]
    assert world.status("sync")["revision"] == second
    assert world.status("operationState")["syncResult"]["revision"] == second


def test_what_is_deployed_carries_the_tracking_id(world: World) -> None:
    world.create({})
    world.settled()

    annotations = world.live()["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/tracking-id"] == f"{APP}:apps/Deployment:shop/cart"


def test_an_application_elsewhere_is_tracked_with_its_namespace(world: World) -> None:
    world.create({}, namespace="teams")
    eventually(lambda: world.image() == GOOD)

    annotations = world.live()["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/tracking-id"] == f"teams_{APP}:apps/Deployment:shop/cart"


def test_self_heal_undoes_a_change_that_git_does_not_hold(world: World) -> None:
    world.create(SELF_HEAL)
    world.settled()
    world.deploy(BAD)
    deployed = len(world.history())

    world.api.set_image(GOOD, DEPLOYMENT)
    eventually(lambda: world.image() == BAD)

    changes = [(e.user_agent, e.images_to) for e in world.cluster.audit if e.template_changed]
    assert [images for _, images in changes] == [{"app": BAD}, {"app": GOOD}, {"app": BAD}]
    assert changes[-1][0] == "argocd-controller"
    assert len(world.history()) == deployed  # a sync of some resources is no deployment


def test_without_self_heal_drift_only_shows(world: World) -> None:
    world.create({"prune": True})
    world.settled()

    world.api.set_image(BAD, DEPLOYMENT)
    eventually(lambda: world.status("sync")["status"] == "OutOfSync")
    at_rest(world)

    assert world.image() == BAD
    [resource] = world.status("resources")
    assert (resource["kind"], resource["name"], resource["status"]) == ("Deployment", "cart", "OutOfSync")


def test_without_automated_sync_a_person_syncs(world: World) -> None:
    world.create(None)
    eventually(lambda: world.status("sync").get("status") == "OutOfSync")
    assert world.image() == ""

    world.argocd.sync(APP)
    world.settled()

    assert world.image() == GOOD


def test_a_rollback_through_it_restores_the_very_template(world: World) -> None:
    world.create({})
    world.settled()
    before = world.live()["spec"]["template"]
    world.deploy(BAD, annotations={"example.com/new": "yes"}, spec={"nodeSelector": {"disk": "fast"}})
    stopped(world)

    answer = call(world, "POST", f"{ON_ITS_OWN}/rollback", json={"id": 0, "name": APP})
    assert answer.status_code == 200, answer.text
    eventually(lambda: len(world.history()) == 3)

    assert world.live()["spec"]["template"] == before
    assert world.history()[-1] == world.commits[GOOD]
    assert world.status("operationState")["phase"] == "Succeeded"
    at_rest(world)
    assert world.status("sync") | {"comparedTo": None} == {
        "status": "OutOfSync",
        "revision": world.commits[BAD],
        "comparedTo": None,
    }


def test_started_again_it_syncs_to_what_git_says(world: World) -> None:
    test_a_rollback_through_it_restores_the_very_template(world)

    patch(world, {"spec": {"syncPolicy": {"automated": {"enabled": None}}}}, "merge")

    eventually(lambda: world.image() == BAD)


def test_replicas_that_git_does_not_name_are_left_alone(world: World) -> None:
    manifest = deployment(GOOD)
    del manifest["spec"]["replicas"]
    world.repository.commit({"cart/deployment.json": json.dumps(manifest)}, "no replicas")
    world.create(SELF_HEAL)
    eventually(lambda: world.status("sync").get("status") == "Synced")

    world.api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 3}})
    at_rest(world)

    assert world.status("sync")["status"] == "Synced"
    assert world.live()["spec"]["replicas"] == 3


@pytest.mark.parametrize("prune", [True, False])
def test_what_git_no_longer_holds_is_pruned_where_that_is_on(world: World, *, prune: bool) -> None:
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: fast}\n"
    world.repository.commit({"cart/settings.yaml": settings}, "settings")
    world.create({"prune": prune})
    eventually(lambda: world.api.get(CONFIG_MAP).status_code == 200)

    world.repository.commit({"cart/settings.yaml": None}, "no settings")
    eventually(lambda: len(world.history()) == 2 or world.status("sync")["status"] == "OutOfSync")
    at_rest(world)

    assert world.api.get(CONFIG_MAP).status_code == (404 if prune else 200)
    assert world.status("sync")["status"] == ("Synced" if prune else "OutOfSync")


def test_the_history_holds_the_newest_ten(world: World) -> None:
    world.create({})
    world.settled()
    for number in range(11):
        world.deploy(f"shop/cart:{number + 10}")

    assert [one["id"] for one in world.status("history")] == list(range(2, 12))


def test_health_follows_the_rollout(world: World) -> None:
    world.create({})
    world.settled()

    eventually(lambda: world.status("health") == {"status": "Healthy"})


@pytest.mark.parametrize("text", ["{", "- a list\n", "kind: Deployment\n"])
def test_what_is_no_manifest_is_a_comparison_error(world: World, text: str) -> None:
    world.create({})
    world.settled()
    world.repository.commit({"cart/broken.yaml": text}, "broken")

    eventually(lambda: world.status("conditions"))

    assert world.status("conditions")[0]["type"] == "ComparisonError"
    assert world.status("sync")["status"] == "Unknown"
    assert world.image() == GOOD


def with_parent(world: World, automated: Object) -> None:
    """Have a parent application, which heals itself, make the application from git."""
    child = application(world.repository.url, automated=automated)
    child |= {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
    world.repository.commit({"apps/cart.json": json.dumps(child)}, "the child")
    parent = application(world.repository.url, name="parent", automated=SELF_HEAL, path="apps")
    parent["spec"]["destination"]["namespace"] = "argocd"
    world.argocd.create(parent)
    eventually(lambda: world.image() == GOOD)


@pytest.mark.parametrize(
    ("in_git", "off"), [(SELF_HEAL, None), (SELF_HEAL | {"enabled": True}, {"enabled": False})]
)
def test_a_parent_application_puts_back_what_its_repository_says(
    world: World, in_git: Object, off: Object | None
) -> None:
    with_parent(world, in_git)

    patch(world, {"spec": {"syncPolicy": {"automated": off}}}, "merge")

    eventually(lambda: world.argocd.application(APP)["spec"].get("syncPolicy") == {"automated": in_git})
    marks = world.argocd.application(APP)["metadata"]["annotations"]
    assert marks["argocd.argoproj.io/tracking-id"] == f"parent:argoproj.io/Application:argocd/{APP}"


def test_a_parent_application_leaves_alone_what_its_repository_does_not_name(world: World) -> None:
    with_parent(world, SELF_HEAL)

    stopped(world)
    call(world, "GET", "/api/v1/applications/parent", params={"refresh": "normal"})

    assert world.argocd.application("parent")["status"]["sync"]["status"] == "Synced"
    assert world.argocd.application(APP)["spec"]["syncPolicy"]["automated"]["enabled"] is False


def test_an_application_set_puts_its_applications_settings_back(world: World) -> None:
    world.argocd.generate("carts", application(world.repository.url, automated=SELF_HEAL))
    world.settled()

    stopped(world)

    eventually(lambda: world.argocd.application(APP)["spec"]["syncPolicy"] == {"automated": SELF_HEAL})


def test_repositories_are_found_by_the_url_that_they_have_elsewhere(tmp_path: Path) -> None:
    url = "https://github.example.com/shop/deploy.git"
    with running(tmp_path, repositories={url: tmp_path / "deploy.git"}) as world:
        world.argocd.create(application(url, automated={}))

        eventually(lambda: world.image() == GOOD)


def test_the_cluster_being_away_is_a_comparison_error_that_passes(world: World) -> None:
    world.create({})
    world.settled()
    world.cluster.add_fault(Fault(path="deployments", times=None, status=503))
    eventually(lambda: world.status("sync")["status"] == "Unknown")

    world.cluster.clear_faults()

    eventually(lambda: world.status("sync")["status"] == "Synced")


# the API


def test_a_call_without_the_token_is_refused(world: World) -> None:
    world.create({})

    assert httpx.get(f"{world.argocd.url}{ON_ITS_OWN}").status_code == 401
    assert call(world, "GET", token="wrong").json()["code"] == 16
    assert call(world, "GET", "/api/v1/session/userinfo").json()["username"] == "backout"
    assert httpx.get(f"{world.argocd.url}/api/version").json() == {"Version": "v3.1.0+sandbox"}


def test_an_application_that_is_not_there_looks_like_one_that_is_not_allowed(world: World) -> None:
    world.create({})
    absent = call(world, "GET", "/api/v1/applications/absent")
    elsewhere = call(world, "GET", params={"appNamespace": "teams"})
    world.argocd.rights.clear()
    forbidden = call(world, "GET")

    assert absent.status_code == elsewhere.status_code == forbidden.status_code == 403
    assert (
        absent.json()
        == forbidden.json()
        == {
            "error": "permission denied",
            "code": 7,
            "message": "permission denied",
        }
    )


def test_a_rollback_is_refused_while_auto_sync_is_on(world: World) -> None:
    world.create({})
    world.settled()

    answer = call(world, "POST", f"{ON_ITS_OWN}/rollback", json={"id": 0})

    assert answer.status_code == 400
    assert answer.json()["code"] == 9
    assert answer.json()["message"] == "rollback cannot be initiated when auto-sync is enabled"


def test_a_rollback_is_refused_while_an_operation_is_in_progress(world: World) -> None:
    world.create({})
    world.settled()
    stopped(world)
    world.argocd.hold()
    world.argocd.sync(APP)
    eventually(lambda: world.status("operationState")["phase"] == "Running")

    answer = call(world, "POST", f"{ON_ITS_OWN}/rollback", json={"id": 0})

    assert (answer.status_code, answer.json()["code"]) == (400, 9)
    assert "another operation is already in progress" in answer.json()["message"]
    world.argocd.hold(holding=False)
    eventually(lambda: world.status("operationState")["phase"] == "Succeeded")


def test_a_rollback_to_what_the_history_does_not_hold_is_refused(world: World) -> None:
    world.create(None)

    answer = call(world, "POST", f"{ON_ITS_OWN}/rollback", json={"id": 7})

    assert (answer.status_code, answer.json()["code"]) == (400, 3)


def test_a_json_patch_tests_what_it_was_decided_on(world: World) -> None:
    world.create({})
    world.settled()
    seen = call(world, "GET").json()["metadata"]["resourceVersion"]
    world.argocd.edit(APP, {"metadata": {"labels": {"team": "cart"}}})
    off: list[Object] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": seen},
        {"op": "add", "path": "/spec/syncPolicy/automated/enabled", "value": False},
    ]

    refused = patch(world, off, "json")
    off[0]["value"] = call(world, "GET").json()["metadata"]["resourceVersion"]
    taken = patch(world, off, "json")

    assert (refused.status_code, refused.json()["code"]) == (500, 2)
    assert taken.json()["spec"]["syncPolicy"] == {"automated": {"enabled": False}}


def test_a_merge_patch_is_taken_whatever_version_it_names(world: World) -> None:
    world.create({})

    answer = patch(world, {"metadata": {"resourceVersion": "0", "annotations": {"a": "b"}}}, "merge")

    assert answer.status_code == 200
    assert answer.json()["metadata"]["annotations"] == {"a": "b"}
    assert answer.json()["metadata"]["resourceVersion"] != "0"


def test_an_older_server_does_not_know_that_automated_sync_can_be_disabled(tmp_path: Path) -> None:
    with running(tmp_path, version="v2.14.3") as world:
        world.create(SELF_HEAL)

        stopped(world)

        assert call(world, "GET").json()["spec"]["syncPolicy"] == {"automated": SELF_HEAL}


@pytest.mark.parametrize(
    "body",
    [
        {"patch": "{", "patchType": "merge"},
        {"patch": "[]", "patchType": "strategic"},
        {"patch": '[{"op": "remove", "path": "/spec/nothing"}]', "patchType": "json"},
        {"patchType": "merge"},
    ],
)
def test_a_patch_that_is_none_changes_nothing(world: World, body: Object) -> None:
    world.create(None)

    assert call(world, "PATCH", json=body).status_code in (400, 500)
    assert world.argocd.application(APP)["spec"] == application(world.repository.url)["spec"]


def test_manifests_are_those_of_any_revision(world: World) -> None:
    world.create({})
    world.push(BAD)
    path = f"{ON_ITS_OWN}/manifests"

    old = call(world, "GET", path, params={"revision": world.commits[GOOD]}).json()
    new = call(world, "GET", path).json()
    unknown = call(world, "GET", path, params={"revision": "0" * 40})

    images = [
        json.loads(one["manifests"][0])["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in (old, new)
    ]
    assert images == [GOOD, BAD]
    assert unknown.status_code == 500


def test_it_fails_when_it_is_asked_to(world: World) -> None:
    world.create({})
    world.argocd.fail(1, status=503)

    assert call(world, "GET").status_code == 503
    assert call(world, "GET").status_code == 200


def test_an_application_that_is_deleted_leaves_what_it_deployed(world: World) -> None:
    world.create({})
    world.settled()

    world.argocd.delete(APP)

    assert call(world, "GET").status_code == 403
    assert world.image() == GOOD


def test_an_account_sees_the_applications_that_it_may_get(world: World) -> None:
    def seen() -> Any:
        return call(world, "GET", "/api/v1/applications").json()["items"]

    assert seen() is None
    world.create({})
    assert [one["metadata"]["name"] for one in seen()] == [APP]

    world.argocd.rights.discard("get")
    assert seen() is None
