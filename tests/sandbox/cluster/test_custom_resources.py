"""A CustomResourceDefinition makes storage for its kind, in every version that it serves."""

import pytest

from tests.sandbox.cluster.api import Api, Object
from tests.sandbox.endpoints import eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TEAPOTS = "/apis/shop.example/v1/namespaces/shop/teapots"


@pytest.fixture
def teapot(api: Api) -> Object:
    subresources = {
        "status": {},
        "scale": {"specReplicasPath": ".spec.cups", "statusReplicasPath": ".status.cups"},
    }
    versions = [
        {"name": "v1", "served": True, "storage": True, "subresources": subresources},
        {"name": "v1beta1", "served": True, "storage": False},
    ]
    names = {"plural": "teapots", "kind": "Teapot"}
    spec = {"group": "shop.example", "names": names, "scope": "Namespaced", "versions": versions}
    api.create(DEFINITIONS, {"metadata": {"name": "teapots.shop.example"}, "spec": spec})
    eventually(lambda: api.get(TEAPOTS).status_code == 200)
    return api.create(TEAPOTS, {"metadata": {"name": "pot"}, "spec": {"cups": 2, "lid": None}})


def test_whatever_it_holds_is_kept(api: Api, teapot: Object) -> None:
    assert (teapot["kind"], teapot["apiVersion"]) == ("Teapot", "shop.example/v1")
    assert teapot["spec"] == {"cups": 2, "lid": None}
    assert [one["kind"] for one in api.items(TEAPOTS)] == ["Teapot"]


def test_generation_moves_with_the_spec_but_not_with_status_or_metadata(api: Api, teapot: Object) -> None:
    api.merge(f"{TEAPOTS}/pot/status", {"status": {"cups": 1}})
    api.merge(f"{TEAPOTS}/pot", {"metadata": {"annotations": {"a": "b"}}})
    assert api.document(f"{TEAPOTS}/pot")["metadata"]["generation"] == 1

    api.merge(f"{TEAPOTS}/pot", {"spec": {"cups": 3}})

    assert api.document(f"{TEAPOTS}/pot")["metadata"]["generation"] == 2


def test_its_scale_is_where_the_definition_says(api: Api, teapot: Object) -> None:
    api.merge(f"{TEAPOTS}/pot/scale", {"spec": {"replicas": 5}})

    assert api.document(f"{TEAPOTS}/pot")["spec"]["cups"] == 5


def test_it_is_served_in_its_other_version_too(api: Api, teapot: Object) -> None:
    found = api.document(f"{TEAPOTS}/pot".replace("/v1/", "/v1beta1/"))

    assert (found["apiVersion"], found["metadata"]["uid"]) == (
        "shop.example/v1beta1",
        teapot["metadata"]["uid"],
    )


def test_it_takes_no_strategic_merge_patch(api: Api, teapot: Object) -> None:
    assert api.send_patch(f"{TEAPOTS}/pot", {}, "strategic-merge").status_code == 415


def test_deleting_the_definition_deletes_the_objects_and_the_path(api: Api, teapot: Object) -> None:
    api.delete(f"{DEFINITIONS}/teapots.shop.example")

    eventually(lambda: api.get(TEAPOTS).status_code == 404)
    groups = [group["name"] for group in api.document("/apis")["groups"]]
    assert "shop.example" not in groups
