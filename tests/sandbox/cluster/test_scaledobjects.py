"""A ScaledObject has an autoscaler written, and put back."""

import pytest

from sandbox.cluster import Cluster
from tests.sandbox.cluster.api import APPS, Api, Object, workload
from tests.sandbox.endpoints import eventually

AUTOSCALER = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/keda-hpa-cart"
SCALED_OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects"


@pytest.fixture(autouse=True)
def _installed(cluster: Cluster) -> None:
    cluster.define_scaled_objects()


def create(api: Api, **bounds: int) -> Object:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=2))
    spec = {"scaleTargetRef": {"name": "cart"}, "triggers": [], **bounds}
    api.create(SCALED_OBJECTS, {"metadata": {"name": "cart"}, "spec": spec})
    eventually(lambda: api.get(AUTOSCALER).status_code == 200)
    return api.document(AUTOSCALER)


def bounds(api: Api) -> tuple[int, int]:
    spec = api.document(AUTOSCALER)["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


def test_its_autoscaler_is_owned_and_has_its_bounds(api: Api) -> None:
    written = create(api, minReplicaCount=2, maxReplicaCount=5)

    [owner] = written["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ScaledObject", "cart", True)
    assert written["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "cart",
    }
    assert bounds(api) == (2, 5)
    eventually(lambda: api.document(f"{SCALED_OBJECTS}/cart")["status"].get("hpaName") == "keda-hpa-cart")


def test_bounds_that_are_not_set_are_one_and_a_hundred(api: Api) -> None:
    create(api)

    assert bounds(api) == (1, 100)


def test_a_change_of_the_autoscaler_is_undone_and_one_of_the_scaled_object_carried_out(api: Api) -> None:
    create(api, minReplicaCount=2, maxReplicaCount=5)

    api.merge(AUTOSCALER, {"spec": {"minReplicas": 4}})
    eventually(lambda: bounds(api) == (2, 5))
    api.merge(f"{SCALED_OBJECTS}/cart", {"spec": {"minReplicaCount": 4}})

    eventually(lambda: bounds(api) == (4, 5))
    eventually(lambda: api.document(f"{APPS}/deployments/cart")["spec"]["replicas"] == 4)


def test_its_autoscaler_goes_with_it(api: Api) -> None:
    create(api)

    api.delete(f"{SCALED_OBJECTS}/cart")

    eventually(lambda: api.get(AUTOSCALER).status_code == 404)
