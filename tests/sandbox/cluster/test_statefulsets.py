"""StatefulSets roll out by ordinal, and stay stuck where the real controller would leave them stuck."""

from typing import Any

import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, BAD, CORE, GOOD, Api, Object, workload
from tests.sandbox.endpoints import eventually

PATH = f"{APPS}/statefulsets/cart"


def create(api: Api, **spec: Any) -> None:
    api.create(f"{APPS}/statefulsets", workload("StatefulSet", serviceName="cart", **spec))
    rolled_out(api)


def rolled_out(api: Api) -> Object:
    def is_done() -> bool:
        found = api.document(PATH)
        status, wanted = found["status"], found["spec"]["replicas"]
        return bool(
            status.get("observedGeneration") == found["metadata"]["generation"]
            and status.get("readyReplicas", 0) == status["replicas"] == wanted
            and status["updateRevision"] == status["currentRevision"]
        )

    eventually(is_done)
    return api.document(PATH)


def images(api: Api) -> dict[str, str]:
    return {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in api.items(f"{CORE}/pods")
    }


def revisions(api: Api) -> list[Object]:
    return sorted(api.items(f"{APPS}/controllerrevisions"), key=lambda one: int(one["revision"]))


def restore(api: Api, revision: Object) -> None:
    """Put a revision's template back by a JSON patch that tests the generation."""
    seen = api.document(PATH)["metadata"]["generation"]
    template = {key: value for key, value in revision["data"]["spec"]["template"].items() if key != "$patch"}
    response = api.send_patch(
        PATH,
        [
            {"op": "test", "path": "/metadata/generation", "value": seen},
            {"op": "replace", "path": "/spec/template", "value": template},
        ],
        "json",
    )
    assert response.status_code == 200, response.text


def test_pods_are_numbered_and_carry_their_revision(api: Api) -> None:
    create(api, replicas=2)

    [revision] = revisions(api)
    pods = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in api.items(f"{CORE}/pods")}
    assert [*pods] == ["cart-0", "cart-1"]
    name = revision["metadata"]["name"]
    assert {labels["controller-revision-hash"] for labels in pods.values()} == {name}
    assert revision["data"]["spec"]["template"]["$patch"] == "replace"
    assert api.document(PATH)["status"]["currentRevision"] == name


def test_an_update_replaces_the_highest_ordinal_first(api: Api, cluster: Cluster) -> None:
    create(api, replicas=3)
    cluster.put_behaviour(BAD, Behaviour(ready=False))

    api.set_image(BAD, PATH)

    eventually(lambda: images(api) == {"cart-0": GOOD, "cart-1": GOOD, "cart-2": BAD})
    status = api.document(PATH)["status"]
    assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 1)
    assert status["currentRevision"] != status["updateRevision"]


def test_a_restored_revision_is_used_again_and_takes_the_highest_number(api: Api) -> None:
    create(api, replicas=1)
    [first] = revisions(api)
    api.set_image(BAD, PATH)
    rolled_out(api)

    restore(api, first)

    rolled_out(api)
    numbers = {one["metadata"]["name"]: one["revision"] for one in revisions(api)}
    assert numbers.pop(first["metadata"]["name"]) == 3
    assert [*numbers.values()] == [2]
    assert images(api) == {"cart-0": GOOD}


def test_a_broken_pod_stays_until_it_is_deleted_although_the_template_is_right_again(
    api: Api, cluster: Cluster
) -> None:
    create(api, replicas=2)
    [first] = revisions(api)
    cluster.put_behaviour(BAD, Behaviour(crash=True))
    api.set_image(BAD, PATH)
    eventually(lambda: images(api).get("cart-1") == BAD)

    restore(api, first)

    observed = eventually(
        lambda: (
            api.document(PATH)["status"]["observedGeneration"] == api.document(PATH)["metadata"]["generation"]
        )
    )
    assert observed
    assert images(api) == {"cart-0": GOOD, "cart-1": BAD}
    api.delete(f"{CORE}/pods/cart-1")
    rolled_out(api)
    assert images(api) == {"cart-0": GOOD, "cart-1": GOOD}


def test_with_parallel_management_a_right_template_replaces_the_broken_pod_by_itself(
    api: Api, cluster: Cluster
) -> None:
    create(api, replicas=2, podManagementPolicy="Parallel")
    [first] = revisions(api)
    cluster.put_behaviour(BAD, Behaviour(crash=True))
    api.set_image(BAD, PATH)
    eventually(lambda: images(api).get("cart-1") == BAD)

    restore(api, first)

    rolled_out(api)
    assert images(api) == {"cart-0": GOOD, "cart-1": GOOD}


def test_a_partition_keeps_the_lower_ordinals_as_they_are_even_when_they_are_recreated(api: Api) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    create(api, replicas=2, updateStrategy=strategy)

    api.set_image(BAD, PATH)

    eventually(lambda: images(api) == {"cart-0": GOOD, "cart-1": BAD})
    [before] = [pod for pod in api.items(f"{CORE}/pods") if pod["metadata"]["name"] == "cart-0"]
    api.delete(f"{CORE}/pods/cart-0")

    def is_new() -> bool:
        response = api.get(f"{CORE}/pods/cart-0")
        return response.status_code == 200 and response.json()["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(is_new)
    assert images(api)["cart-0"] == GOOD


def test_scaling_down_removes_the_highest_ordinals(api: Api) -> None:
    create(api, replicas=3)

    api.merge(f"{PATH}/scale", {"spec": {"replicas": 1}})

    rolled_out(api)
    assert [*images(api)] == ["cart-0"]


@pytest.mark.parametrize("field", ["serviceName", "podManagementPolicy"])
def test_what_a_stateful_set_may_not_change_is_refused(api: Api, field: str) -> None:
    create(api, replicas=1)

    response = api.send_patch(PATH, {"spec": {field: "Parallel"}}, "merge")

    assert response.status_code == 422
    assert "Forbidden: updates to statefulset spec" in response.json()["message"]
