import json

import pytest

from shared.adapters.owners.argo_cd_api import Address, Application, Deployment, Metadata, Spec, Status
from shared.adapters.owners.argo_cd_history import candidates, images
from shared.domain.workloads import WorkloadRef

REF = WorkloadRef("test", "shop", "deployment", "cart")
SOURCE: dict[str, object] = {"repoURL": "https://github.example.com/shop/deploy", "targetRevision": "main"}


def manifest(name: str = "cart", *, namespace: str | None = None, kind: str = "Deployment") -> str:
    containers = [{"name": "app", "image": f"shop/{name}:1"}, {"name": "log", "image": "shop/log:1"}]
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    spec = {"template": {"spec": {"containers": containers, "initContainers": containers}}}
    return json.dumps({"kind": kind, "metadata": metadata, "spec": spec})


def deployed(*revisions: str, limit: int = 10) -> Application:
    history = [Deployment(number, revision, dict(SOURCE)) for number, revision in enumerate(revisions)]
    return Application(
        Metadata("cart"), Spec(source=SOURCE, revision_history_limit=limit), Status(history=history)
    )


@pytest.mark.parametrize("namespace", [None, "", "shop"])
def test_images_are_those_of_the_workloads_containers(namespace: str | None) -> None:
    others = [manifest("till"), manifest(kind="StatefulSet"), manifest(namespace="other")]

    assert images([*others, manifest(namespace=namespace)], REF) == {
        "app": "shop/cart:1",
        "log": "shop/log:1",
    }
    assert images(others, REF) == {}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "Deployment"}', '{"kind": 1}', '{"metadata": null}', '{"spec": "words"}']
)
def test_manifests_of_other_shapes_are_passed_over(text: str) -> None:
    assert images([text, manifest()], REF)


def test_a_workload_of_another_shape_has_no_images() -> None:
    text = json.dumps({"kind": "Deployment", "metadata": {"name": "cart"}, "spec": {"template": []}})

    assert images([text], REF) == {}


def test_each_commit_is_asked_about_once_the_newest_first() -> None:
    found = candidates(deployed("a", "b", "a", "c", "d"))

    assert [(entry.id, entry.revision) for entry in found] == [(3, "c"), (2, "a"), (1, "b")]


@pytest.mark.parametrize("revisions", [(), ("a",), ("a", "a")])
def test_without_another_commit_there_is_nothing(revisions: tuple[str, ...]) -> None:
    assert candidates(deployed(*revisions)) == []


def test_a_full_history_is_not_gone_through_to_its_end() -> None:
    assert [entry.revision for entry in candidates(deployed("a", "b", "c", limit=3))] == ["b"]
    assert [entry.revision for entry in candidates(deployed("a", "b", limit=2))] == ["a"]


@pytest.mark.parametrize(
    ("mark", "address"), [("cart", Address("", "cart")), ("teams_cart", Address("teams", "cart"))]
)
def test_a_mark_names_the_namespace_where_it_is_not_argo_cds_own(mark: str, address: Address) -> None:
    assert Address.marked(mark) == address


def test_an_address_cannot_leave_its_path() -> None:
    assert Address("", "../session").path == "/api/v1/applications/..%2Fsession"
