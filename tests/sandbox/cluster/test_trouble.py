"""What keeps pods from coming up or from going, and what is said of it; what holds evictions back."""

from typing import Any

import httpx
import pytest

from sandbox.cluster import Behaviour, Cluster
from tests.sandbox.cluster.api import APPS, CORE, GOOD, Api, Object, condition, workload
from tests.sandbox.endpoints import eventually

BUDGETS = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"


def create(api: Api, *, replicas: int = 1) -> None:
    api.create(f"{APPS}/deployments", workload("Deployment", replicas=replicas))
    eventually(lambda: len(api.items(f"{CORE}/pods")) == replicas)


def warnings(api: Api) -> set[str]:
    selector = "fieldSelector=type=Warning,involvedObject.kind=Pod"
    return {f"{one['reason']}: {one['message']}" for one in api.items(f"{CORE}/events?{selector}")}


def pod(api: Api) -> Object:
    return api.items(f"{CORE}/pods")[0]


def waiting(api: Api) -> str:
    [status] = pod(api)["status"].get("containerStatuses") or [{"state": {}}]
    return str(status["state"].get("waiting", {}).get("reason", ""))


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(pull_error=True), f'Failed: Failed to pull image "{GOOD}": not found'),
        (Behaviour(ready=False), "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"),
        (Behaviour(no_room=True), "FailedScheduling: 0/2 nodes are available: 2 Insufficient memory."),
    ],
)
def test_trouble_of_a_pod_is_a_warning(api: Api, cluster: Cluster, behaviour: Behaviour, said: str) -> None:
    cluster.put_behaviour(GOOD, behaviour)
    create(api)

    eventually(lambda: warnings(api) == {said})


def test_a_crash_loop_is_a_warning(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(crash=True))
    create(api)

    eventually(lambda: any(one.startswith("BackOff: Back-off restarting") for one in warnings(api)))


def test_a_pod_without_room_is_placed_once_there_is_some(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(no_room=True))
    create(api)
    eventually(lambda: condition(pod(api), "PodScheduled").get("reason") == "Unschedulable")
    assert pod(api)["status"]["phase"] == "Pending"

    cluster.put_behaviour(GOOD, Behaviour())

    eventually(lambda: condition(pod(api), "Ready").get("status") == "True")


def test_a_pod_that_hangs_is_dated_by_the_end_of_its_grace_and_goes_by_force(
    api: Api, cluster: Cluster
) -> None:
    cluster.put_behaviour(GOOD, Behaviour(hang_terminating=True))
    create(api)
    api.rolled_out()
    path = f"{CORE}/pods/{pod(api)['metadata']['name']}"

    asked = api.delete(path).json()["metadata"]

    assert asked["deletionGracePeriodSeconds"] == 30
    assert asked["deletionTimestamp"] > asked["creationTimestamp"]
    eventually(lambda: len(api.items(f"{CORE}/pods")) == 2)
    assert evicted(api, path).status_code == 201
    assert api.get(path).status_code == 200
    api.delete(f"{path}?gracePeriodSeconds=0")
    assert api.get(path).status_code == 404


def test_a_pod_that_hung_goes_once_it_is_let_go(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(hang_terminating=True))
    create(api)
    api.rolled_out()
    path = f"{CORE}/pods/{pod(api)['metadata']['name']}"
    api.delete(path)

    cluster.put_behaviour(GOOD, Behaviour())

    eventually(lambda: api.get(path).status_code == 404)


def budget(api: Api, **spec: Any) -> None:
    selector = {"matchLabels": {"app": "cart"}}
    api.create(BUDGETS, {"metadata": {"name": "cart"}, "spec": {"selector": selector, **spec}})


def evicted(api: Api, path: str, **options: Any) -> httpx.Response:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "deleteOptions": options}
    return api.post(f"{path}/eviction", json=eviction)


def test_a_running_pod_that_is_not_ready_is_kept_while_too_few_are(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(ready=False))
    create(api)
    eventually(lambda: pod(api)["status"]["phase"] == "Running")
    budget(api, minAvailable=1)
    path = f"{CORE}/pods/{pod(api)['metadata']['name']}"

    refused = evicted(api, path)

    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    [cause] = refused.json()["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget cart needs 1 healthy pods and has 0 currently"
    api.merge(f"{BUDGETS}/cart", {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}})
    assert evicted(api, path).status_code == 201


def test_a_pod_that_does_not_run_yet_may_always_go(api: Api, cluster: Cluster) -> None:
    cluster.put_behaviour(GOOD, Behaviour(pull_error=True))
    create(api)
    eventually(lambda: waiting(api) == "ImagePullBackOff")
    budget(api, maxUnavailable=0)

    assert evicted(api, f"{CORE}/pods/{pod(api)['metadata']['name']}").status_code == 201


def test_an_eviction_is_of_the_pod_that_was_meant(api: Api) -> None:
    create(api)
    path = f"{CORE}/pods/{pod(api)['metadata']['name']}"

    refused = evicted(api, path, preconditions={"uid": "another"})

    assert (refused.status_code, refused.json()["reason"]) == (409, "Conflict")
    assert evicted(api, path, preconditions={"uid": pod(api)["metadata"]["uid"]}).status_code == 201
    assert evicted(api, f"{CORE}/pods/never-was").status_code == 404
