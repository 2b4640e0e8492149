"""The real Python client works against the cluster: typed, dynamic, and watching."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from sandbox.cluster import Cluster
from tests.sandbox.cluster.api import BAD, GOOD, workload
from tests.sandbox.endpoints import eventually


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[client.ApiClient]:
    opening: Any = config
    with opening.new_client_from_config(str(cluster.kubeconfig_path)) as opened:
        yield opened


def image_patch(image: str) -> dict[str, object]:
    containers = [{"name": "app", "image": image}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def settled(deployment: Any, *, replicas: int) -> bool:
    """Return whether the controller has nothing more to write of a Deployment."""
    status = deployment.status
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    return counts == (replicas,) * 3 and status.observed_generation == deployment.metadata.generation


def test_typed_calls_create_patch_read_scale_and_delete(
    connection: client.ApiClient, cluster: Cluster
) -> None:
    apps: Any = client.AppsV1Api(connection)
    apps.create_namespaced_deployment("shop", workload("Deployment", replicas=2))
    eventually(lambda: cluster.running_images("shop", "Deployment", "cart") == [GOOD] * 2)

    apps.patch_namespaced_deployment("cart", "shop", image_patch(BAD))
    eventually(lambda: cluster.running_images("shop", "Deployment", "cart") == [BAD] * 2)
    scale = apps.patch_namespaced_deployment_scale("cart", "shop", {"spec": {"replicas": 1}})
    assert scale.spec.replicas == 1
    eventually(lambda: settled(apps.read_namespaced_deployment("cart", "shop"), replicas=1))
    deployment = apps.read_namespaced_deployment("cart", "shop")
    deployment.spec.replicas = 3
    replaced = apps.replace_namespaced_deployment("cart", "shop", deployment)

    assert replaced.spec.replicas == 3
    with pytest.raises(ApiException) as stale:
        apps.replace_namespaced_deployment("cart", "shop", deployment)
    assert stale.value.status == 409
    apps.delete_namespaced_deployment("cart", "shop")
    eventually(lambda: not client.CoreV1Api(connection).list_namespaced_pod("shop").items)


def test_a_typed_round_trip_of_the_template_is_no_new_revision(connection: client.ApiClient) -> None:
    apps: Any = client.AppsV1Api(connection)
    apps.create_namespaced_deployment("shop", workload("Deployment", replicas=1))
    eventually(lambda: apps.read_namespaced_deployment_status("cart", "shop").status.available_replicas == 1)
    deployment = apps.read_namespaced_deployment("cart", "shop")

    written = apps.replace_namespaced_deployment("cart", "shop", deployment)

    assert written.metadata.generation == deployment.metadata.generation
    assert len(apps.list_namespaced_replica_set("shop").items) == 1


def test_a_watch_streams_typed_events(connection: client.ApiClient) -> None:
    apps: Any = client.AppsV1Api(connection)
    apps.create_namespaced_deployment("shop", workload("Deployment", replicas=1))
    watcher: Any = watch.Watch()  # type: ignore[no-untyped-call]

    for event in watcher.stream(apps.list_namespaced_deployment, "shop", timeout_seconds=10):
        if event["object"].status.available_replicas == 1:
            watcher.stop()

    assert event["object"].status.available_replicas == 1


def test_the_dynamic_client_discovers_what_is_served(connection: client.ApiClient, cluster: Cluster) -> None:
    dynamic: Any = DynamicClient(connection)  # type: ignore[no-untyped-call]
    autoscalers = dynamic.resources.get(api_version="autoscaling/v2", kind="HorizontalPodAutoscaler")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3}
    autoscalers.create(body={"metadata": {"name": "cart"}, "spec": spec}, namespace="shop")

    assert autoscalers.get(name="cart", namespace="shop").spec.minReplicas == 1


def test_an_access_review_and_the_version_are_answered(connection: client.ApiClient) -> None:
    asked = client.V1ResourceAttributes(verb="patch", group="apps", resource="deployments", namespace="shop")
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked)
    review = client.V1SelfSubjectAccessReview(spec=spec)

    answered: Any = client.AuthorizationV1Api(connection).create_self_subject_access_review(review)

    assert answered.status.allowed
    assert client.VersionApi(connection).get_code().git_version.startswith("v1.")
