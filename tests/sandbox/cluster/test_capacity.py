"""Autoscalers hold their bounds, disruption budgets hold evictions back, metrics are served."""

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, CORE, DEPLOYMENT, GOOD, Api, condition, workload
from tests.sandbox.endpoints import eventually

AUTOSCALERS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
BUDGETS = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}


def create(api: Api, *, replicas: int = 1) -> None:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=replicas))
    api.rolled_out()


def autoscale(api: Api, least: int, most: int) -> None:
    spec = {"scaleTargetRef": TARGET, "minReplicas": least, "maxReplicas": most}
    created = api.create(AUTOSCALERS, {"metadata": {"name": "cart"}, "spec": spec})
    assert "generation" not in created["metadata"]


def replicas(api: Api) -> int:
    found: int = api.document(DEPLOYMENT)["spec"]["replicas"]
    return found


def test_an_autoscaler_brings_its_target_within_its_bounds_and_undoes_a_scale_by_hand(api: Api) -> None:
    create(api)
    autoscale(api, 2, 4)
    eventually(lambda: replicas(api) == 2)

    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 9}})

    eventually(lambda: replicas(api) == 4)
    eventually(lambda: api.document(f"{AUTOSCALERS}/cart")["status"].get("currentReplicas") == 4)


def test_raising_the_minimum_adds_capacity(api: Api) -> None:
    create(api)
    autoscale(api, 1, 4)

    api.merge(f"{AUTOSCALERS}/cart", {"spec": {"minReplicas": 3}})

    eventually(lambda: replicas(api) == 3)
    assert "generation" not in api.document(f"{AUTOSCALERS}/cart")["metadata"]


def test_scaling_to_nothing_switches_the_autoscaler_off(api: Api) -> None:
    create(api)
    autoscale(api, 2, 4)

    api.merge(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 0}})

    def reason() -> str:
        return str(condition(api.document(f"{AUTOSCALERS}/cart"), "ScalingActive").get("reason"))

    eventually(lambda: reason() == "ScalingDisabled")
    assert replicas(api) == 0


def test_a_minimum_above_the_maximum_is_refused(api: Api) -> None:
    create(api)
    autoscale(api, 1, 4)

    assert api.send_patch(f"{AUTOSCALERS}/cart", {"spec": {"minReplicas": 5}}, "merge").status_code == 422


def test_the_same_autoscaler_is_served_in_version_one_and_keeps_its_other_metrics(api: Api) -> None:
    create(api)
    memory = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}}
    metrics = [{"type": "Resource", "resource": memory}]
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 4, "metrics": metrics}
    api.create(AUTOSCALERS, {"metadata": {"name": "cart"}, "spec": spec})
    old = f"{AUTOSCALERS}/cart".replace("/v2/", "/v1/")

    shown = api.merge(old, {"spec": {"targetCPUUtilizationPercentage": 50}})

    assert (shown["apiVersion"], shown["spec"]["targetCPUUtilizationPercentage"]) == ("autoscaling/v1", 50)
    kept = [metric["resource"]["name"] for metric in api.document(f"{AUTOSCALERS}/cart")["spec"]["metrics"]]
    assert kept == ["memory", "cpu"]


def test_an_eviction_that_would_break_the_budget_is_429(api: Api) -> None:
    create(api, replicas=2)
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "cart"}}}
    api.create(BUDGETS, {"metadata": {"name": "cart"}, "spec": spec})
    pod = api.items(f"{CORE}/pods")[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}

    response = api.post(f"{CORE}/pods/{pod}/eviction", json=eviction)

    assert (response.status_code, response.json()["reason"]) == (429, "TooManyRequests")
    assert api.get(f"{CORE}/pods/{pod}").status_code == 200
    api.merge(f"{BUDGETS}/cart", {"spec": {"minAvailable": "50%"}})
    eventually(lambda: api.document(f"{BUDGETS}/cart")["status"].get("disruptionsAllowed") == 1)
    assert api.post(f"{CORE}/pods/{pod}/eviction", json=eviction).status_code == 201
    eventually(lambda: api.get(f"{CORE}/pods/{pod}").status_code == 404)


def test_metrics_are_what_the_image_uses(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(cpu_cores=0.25, memory_bytes=64 * 1024 * 1024))
    create(api)

    [measured] = api.items("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")

    assert measured["containers"] == [
        {"name": "app", "usage": {"cpu": "250000000n", "memory": f"{64 * 1024}Ki"}}
    ]
