"""What every writer can rely on: versions, generations, conflicts, the patch types, error documents."""

import pytest

from tests.sandbox.cluster.api import APPS, CORE, DEPLOYMENT, GOOD, Api, Object, workload
from tests.sandbox.endpoints import eventually


@pytest.fixture
def deployment(api: Api) -> Object:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=1))
    api.rolled_out()
    return api.document(DEPLOYMENT)


def generation(api: Api) -> int:
    found: int = api.document(DEPLOYMENT)["metadata"]["generation"]
    return found


def test_a_new_deployment_is_at_generation_one_although_its_controller_annotates_it(
    deployment: Object,
) -> None:
    assert deployment["metadata"]["generation"] == deployment["status"]["observedGeneration"] == 1
    assert deployment["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}


@pytest.mark.parametrize(
    ("patch", "moves"),
    [
        ({"spec": {"replicas": 2}}, True),
        ({"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}, True),
        ({"metadata": {"annotations": {"note": "one"}}}, True),
        ({"metadata": {"labels": {"team": "cart"}}}, False),
        ({"spec": {"replicas": 1}}, False),
    ],
)
def test_generation_moves_with_the_spec_and_annotations_only(
    api: Api, deployment: Object, patch: Object, moves: bool
) -> None:
    api.merge(DEPLOYMENT, patch)

    assert generation(api) == (2 if moves else 1)
    eventually(lambda: api.document(DEPLOYMENT)["status"]["observedGeneration"] == (2 if moves else 1))


def test_a_status_write_moves_the_resource_version_and_nothing_else(api: Api, deployment: Object) -> None:
    changed = {"status": {"replicas": 7}, "spec": {"replicas": 9}}

    written = api.merge(f"{DEPLOYMENT}/status", changed)

    assert written["status"]["replicas"] == 7
    assert written["spec"] == deployment["spec"]
    assert written["metadata"]["generation"] == 1
    assert int(written["metadata"]["resourceVersion"]) > int(deployment["metadata"]["resourceVersion"])


def test_a_write_that_changes_nothing_keeps_the_resource_version(api: Api, deployment: Object) -> None:
    written = api.merge(DEPLOYMENT, {"spec": {"replicas": 1}})

    assert written["metadata"]["resourceVersion"] == deployment["metadata"]["resourceVersion"]


def test_a_write_to_the_object_leaves_its_status_alone(api: Api, deployment: Object) -> None:
    written = api.merge(DEPLOYMENT, {"status": {"replicas": 7}})

    assert written["status"] == deployment["status"]


def test_a_json_patch_is_applied_when_its_generation_test_holds(api: Api, deployment: Object) -> None:
    patch = [
        {"op": "test", "path": "/metadata/generation", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
    ]

    assert api.send_patch(DEPLOYMENT, patch, "json").status_code == 200
    assert api.document(DEPLOYMENT)["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    "test",
    [
        {"op": "test", "path": "/metadata/generation", "value": 7},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "test", "path": "/metadata/nowhere/at", "value": 1},
        {"op": "replace", "path": "/spec/nothing", "value": 1},
    ],
)
def test_a_json_patch_whose_test_fails_is_422_and_changes_nothing(
    api: Api, deployment: Object, test: Object
) -> None:
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 2}, test]

    response = api.send_patch(DEPLOYMENT, patch, "json")

    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert api.document(DEPLOYMENT) == deployment


def test_a_stale_resource_version_in_a_merge_patch_is_409(api: Api, deployment: Object) -> None:
    patch = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}}

    response = api.send_patch(DEPLOYMENT, patch, "merge")

    assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
    assert api.document(DEPLOYMENT) == deployment


def test_a_stale_resource_version_put_by_a_json_patch_is_409(api: Api, deployment: Object) -> None:
    patch = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]

    assert api.send_patch(DEPLOYMENT, patch, "json").status_code == 409


def test_a_stale_put_is_409_and_a_fresh_one_is_written(api: Api, deployment: Object) -> None:
    deployment["spec"]["replicas"] = 2
    assert api.put(DEPLOYMENT, json=deployment).status_code == 200

    deployment["spec"]["replicas"] = 3
    response = api.put(DEPLOYMENT, json=deployment)

    assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
    assert "the object has been modified" in response.json()["message"]


def test_a_uid_of_another_object_is_409(api: Api, deployment: Object) -> None:
    assert api.send_patch(DEPLOYMENT, {"metadata": {"uid": "other"}}, "merge").status_code == 409


def test_a_dry_run_answers_with_the_result_and_changes_nothing(api: Api, deployment: Object) -> None:
    response = api.send_patch(f"{DEPLOYMENT}?dryRun=All", {"spec": {"replicas": 5}}, "merge")

    assert response.json()["spec"]["replicas"] == 5
    assert response.json()["metadata"]["generation"] == 2
    assert api.document(DEPLOYMENT) == deployment


def test_a_name_in_use_is_409_already_exists(api: Api, deployment: Object) -> None:
    response = api.post(f"{APPS}/deployments", json=workload("Deployment"))

    assert (response.status_code, response.json()["reason"]) == (409, "AlreadyExists")
    assert response.json()["message"] == 'deployments.apps "cart" already exists'


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{APPS}/deployments/none", "deployments"),
        ("/apis/apps/v1/namespaces/none/deployments/cart", "deployments"),
        (f"{CORE}/pods/none/log", "pods"),
    ],
)
def test_what_is_missing_is_404_with_its_details(api: Api, path: str, kind: str) -> None:
    response = api.get(path)

    assert (response.status_code, response.json()["reason"]) == (404, "NotFound")
    assert response.json()["details"]["kind"] == kind


def test_nothing_is_created_in_a_namespace_that_is_missing(api: Api) -> None:
    response = api.post("/apis/apps/v1/namespaces/none/deployments", json=workload("Deployment"))

    assert response.status_code == 404
    assert response.json()["message"] == 'namespaces "none" not found'


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"spec": {"replicas": -1}}, "spec.replicas"),
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "spec.template.metadata.labels"),
        ({"spec": {"template": {"spec": {"containers": []}}}}, "spec.template.spec.containers"),
        ({"spec": {"strategy": {"type": "Recreate"}}}, "spec.strategy.rollingUpdate"),
        ({"metadata": {"name": "other"}}, "metadata.name"),
    ],
)
def test_what_is_not_valid_is_422_and_names_the_field(
    api: Api, deployment: Object, patch: Object, field: str
) -> None:
    response = api.send_patch(DEPLOYMENT, patch, "merge")

    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert response.json()["details"]["causes"][0]["field"] == field


def test_a_body_that_is_no_json_is_400(api: Api, deployment: Object) -> None:
    headers = {"content-type": "application/merge-patch+json"}

    assert api.patch(DEPLOYMENT, content="{", headers=headers).status_code == 400
    assert api.post(f"{APPS}/deployments", content="[1]").status_code in (400, 415)


def test_a_patch_type_that_is_not_served_is_415(api: Api, deployment: Object) -> None:
    headers = {"content-type": "application/json"}

    response = api.patch(DEPLOYMENT, content="{}", headers=headers)

    assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")


def test_a_path_that_is_not_served_is_404_and_a_verb_that_is_not_405(api: Api) -> None:
    assert api.get("/apis/apps/v1/namespaces/shop/teapots").status_code == 404
    assert api.post("/apis/apps/v1/deployments", json=workload("Deployment")).status_code == 405


def test_fields_that_nobody_knows_are_kept(api: Api) -> None:
    unknown = workload("Deployment")
    unknown["spec"]["template"]["spec"]["teaTime"] = {"sugar": 2}

    api.create(f"{APPS}/deployments", unknown)
    api.rolled_out()

    assert api.document(DEPLOYMENT)["spec"]["template"]["spec"]["teaTime"] == {"sugar": 2}
    assert api.replica_sets()[GOOD]["spec"]["template"]["spec"]["teaTime"] == {"sugar": 2}


def test_a_strategic_merge_patch_changes_the_image_of_the_named_container_only(api: Api) -> None:
    made = workload("Deployment")
    made["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    api.create(f"{APPS}/deployments", made)
    patch = {
        "$setElementOrder/containers": [{"name": "app"}, {"name": "proxy"}],
        "containers": [{"name": "proxy", "image": "proxy:2"}],
    }

    response = api.send_patch(DEPLOYMENT, {"spec": {"template": {"spec": patch}}}, "strategic-merge")

    containers = response.json()["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("app", GOOD), ("proxy", "proxy:2")]


def test_scale_takes_a_merge_patch_and_refuses_a_stale_one(api: Api, deployment: Object) -> None:
    scale = api.document(f"{DEPLOYMENT}/scale")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
        "Scale",
        {"replicas": 1},
        "app=cart",
    )

    written = api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 3}})

    assert written["spec"]["replicas"] == api.document(DEPLOYMENT)["spec"]["replicas"] == 3
    scale["spec"]["replicas"] = 4
    assert api.put(f"{DEPLOYMENT}/scale", json=scale).status_code == 409


def test_deleting_takes_what_was_owned_along(api: Api, deployment: Object) -> None:
    response = api.delete(DEPLOYMENT)

    assert response.json()["status"] == "Success"
    eventually(lambda: not api.items(f"{CORE}/pods") and not api.items(f"{APPS}/replicasets"))


def test_deleting_in_the_foreground_keeps_the_owner_until_its_dependents_are_gone(
    api: Api, deployment: Object
) -> None:
    response = api.request("DELETE", DEPLOYMENT, json={"propagationPolicy": "Foreground"})

    assert response.json()["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: api.get(DEPLOYMENT).status_code == 404)
    assert not api.items(f"{APPS}/replicasets")


def test_deleting_may_leave_the_dependents_behind_and_the_next_owner_adopts_them(
    api: Api, deployment: Object
) -> None:
    api.request("DELETE", DEPLOYMENT, json={"propagationPolicy": "Orphan"})
    [orphan] = api.items(f"{APPS}/replicasets")
    assert "ownerReferences" not in orphan["metadata"]

    again = api.create(f"{APPS}/deployments", workload("Deployment", replicas=1))

    api.rolled_out()
    [adopted] = api.items(f"{APPS}/replicasets")
    assert adopted["metadata"]["uid"] == orphan["metadata"]["uid"]
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]


def test_a_deletion_whose_precondition_does_not_hold_is_409(api: Api, deployment: Object) -> None:
    response = api.request("DELETE", DEPLOYMENT, json={"preconditions": {"uid": "other"}})

    assert response.status_code == 409
    assert api.get(DEPLOYMENT).status_code == 200


def test_a_finalizer_holds_an_object_until_it_is_taken_off(api: Api) -> None:
    path = f"{CORE}/configmaps/held"
    api.create(f"{CORE}/configmaps", {"metadata": {"name": "held", "finalizers": ["shop/hold"]}})

    assert api.delete(path).json()["metadata"]["deletionTimestamp"]
    assert api.get(path).status_code == 200
    api.merge(path, {"metadata": {"finalizers": None}})

    assert api.get(path).status_code == 404


def test_deleting_a_namespace_deletes_what_is_in_it(api: Api, deployment: Object) -> None:
    api.delete("/api/v1/namespaces/shop")

    eventually(lambda: api.get("/api/v1/namespaces/shop").status_code == 404)
    assert api.items("/api/v1/pods") == api.items("/apis/apps/v1/deployments") == []


def test_a_list_is_ordered_by_name_and_its_items_leave_their_kind_out(api: Api) -> None:
    for name in ("b", "a"):
        api.create(f"{CORE}/configmaps", {"metadata": {"name": name}})

    found = api.document(f"{CORE}/configmaps")

    assert found["kind"] == "ConfigMapList"
    assert [one["metadata"]["name"] for one in found["items"]] == ["a", "b"]
    assert "kind" not in found["items"][0]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=tier=web", ["a"]),
        ("labelSelector=tier!=web", ["b", "c"]),
        ("labelSelector=tier in (web,db)", ["a", "b"]),
        ("labelSelector=tier,tier notin (db)", ["a"]),
        ("labelSelector=!tier", ["c"]),
        ("fieldSelector=metadata.name=b", ["b"]),
        ("fieldSelector=metadata.name!=b,metadata.namespace=shop", ["a", "c"]),
    ],
)
def test_lists_are_narrowed_by_selectors(api: Api, selector: str, names: list[str]) -> None:
    for name, labels in (("a", {"tier": "web"}), ("b", {"tier": "db"}), ("c", {})):
        api.create(f"{CORE}/configmaps", {"metadata": {"name": name, "labels": labels}})

    found = api.items(f"{CORE}/configmaps?{selector}")

    assert [one["metadata"]["name"] for one in found] == names


def test_a_collection_is_deleted_as_far_as_it_is_selected(api: Api) -> None:
    for name in ("a", "b"):
        api.create(f"{CORE}/configmaps", {"metadata": {"name": name, "labels": {"name": name}}})

    api.delete(f"{CORE}/configmaps?labelSelector=name=a")

    assert [one["metadata"]["name"] for one in api.items(f"{CORE}/configmaps")] == ["b"]
