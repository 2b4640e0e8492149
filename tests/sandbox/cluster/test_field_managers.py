"""Who owns which field of a custom resource, as server-side apply has it."""

import json

import httpx
import pytest

from tests.sandbox.cluster.api import Api, Object
from tests.sandbox.endpoints import eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TEAPOTS = "/apis/shop.example/v1/namespaces/shop/teapots"
POT = f"{TEAPOTS}/pot"


@pytest.fixture(autouse=True)
def _teapots(api: Api) -> None:
    versions = [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}]
    names = {"plural": "teapots", "kind": "Teapot"}
    spec = {"group": "shop.example", "names": names, "scope": "Namespaced", "versions": versions}
    api.create(DEFINITIONS, {"metadata": {"name": "teapots.shop.example"}, "spec": spec})
    eventually(lambda: api.get(TEAPOTS).status_code == 200)


def apply(api: Api, manager: str, spec: Object, *, force: bool = False) -> httpx.Response:
    body = {
        "apiVersion": "shop.example/v1",
        "kind": "Teapot",
        "metadata": {"name": "pot", "labels": {"by": "git"}},
        "spec": spec,
    }
    query = f"?fieldManager={manager}&force={'true' if force else 'false'}"
    headers = {"content-type": "application/apply-patch+yaml"}
    return api.patch(POT + query, content=json.dumps(body), headers=headers)


def owners(api: Api, field: str) -> list[tuple[str, str]]:
    entries = api.document(POT)["metadata"]["managedFields"]
    return [
        (one["manager"], one["operation"])
        for one in entries
        if f"f:{field}" in one["fieldsV1"].get("f:spec", {})
    ]


def test_what_is_applied_is_the_appliers(api: Api) -> None:
    assert apply(api, "git", {"cups": 2}).status_code == 201

    assert owners(api, "cups") == [("git", "Apply")]
    [entry] = api.document(POT)["metadata"]["managedFields"]
    assert entry["fieldsV1"]["f:metadata"] == {"f:labels": {"f:by": {}}}


def test_who_changes_a_value_is_its_only_owner(api: Api) -> None:
    apply(api, "git", {"cups": 2, "lid": "blue"})

    api.merge(f"{POT}?fieldManager=hand", {"spec": {"cups": 3}})

    assert owners(api, "cups") == [("hand", "Update")]
    assert owners(api, "lid") == [("git", "Apply")]


def test_applying_a_value_by_force_takes_it_back(api: Api) -> None:
    apply(api, "git", {"cups": 2})
    api.merge(f"{POT}?fieldManager=hand", {"spec": {"cups": 3}})

    apply(api, "git", {"cups": 2}, force=True)

    assert api.document(POT)["spec"]["cups"] == 2
    assert owners(api, "cups") == [("git", "Apply")]


def test_a_value_of_another_appliers_is_a_conflict_without_force(api: Api) -> None:
    apply(api, "git", {"cups": 2})

    refused = apply(api, "other", {"cups": 3})

    assert refused.status_code == 409
    assert 'conflict with "git": spec.cups' in refused.json()["message"]
    assert apply(api, "other", {"cups": 2}).status_code == 200
    assert owners(api, "cups") == [("git", "Apply"), ("other", "Apply")]


def test_what_nobody_applies_any_more_is_removed(api: Api) -> None:
    apply(api, "git", {"cups": 2, "lid": "blue"})

    apply(api, "git", {"cups": 2})

    assert api.document(POT)["spec"] == {"cups": 2}


def test_what_someone_else_set_stays_when_the_applier_leaves_it_out(api: Api) -> None:
    apply(api, "git", {"cups": 2})
    api.merge(f"{POT}?fieldManager=hand", {"spec": {"lid": "blue"}})

    apply(api, "git", {"cups": 2}, force=True)

    assert api.document(POT)["spec"] == {"cups": 2, "lid": "blue"}
    assert owners(api, "lid") == [("hand", "Update")]


def test_applying_the_same_again_changes_nothing(api: Api) -> None:
    apply(api, "git", {"cups": 2})
    before = api.document(POT)

    apply(api, "git", {"cups": 2})

    assert api.document(POT) == before


def test_a_status_write_owns_nothing_of_the_spec(api: Api) -> None:
    apply(api, "git", {"cups": 2})
    before = api.document(POT)["metadata"]["managedFields"]

    api.merge(f"{POT}/status?fieldManager=hand", {"status": {"hot": True}, "spec": {"cups": 9}})

    assert api.document(POT)["metadata"]["managedFields"] == before
