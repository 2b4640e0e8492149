"""Talk to the cluster in raw JSON, as whoever must not lose fields does."""

from collections.abc import Sequence
from typing import Any, Self

import httpx

from tests.sandbox.endpoints import eventually

APPS = "/apis/apps/v1/namespaces/shop"
CORE = "/api/v1/namespaces/shop"
DEPLOYMENT = f"{APPS}/deployments/cart"
GOOD, BAD, THIRD = "shop/cart:1", "shop/cart:2", "shop/cart:3"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"

Object = dict[str, Any]


def template(image: str, name: str = "cart", **spec: Any) -> Object:
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
    }


def workload(kind: str, *, name: str = "cart", image: str = GOOD, **spec: Any) -> Object:
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": selector, "template": template(image, name), **spec},
    }


class Api(httpx.Client):
    """An HTTP client with the patch types by name, and the questions that tests keep asking."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=20)

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def document(self, path: str) -> Object:
        response = self.get(path)
        assert response.status_code == 200, response.text
        found: Object = response.json()
        return found

    def items(self, path: str) -> list[Object]:
        found: list[Object] = self.document(path)["items"]
        return found

    def create(self, collection: str, obj: Object) -> Object:
        response = self.post(collection, json=obj)
        assert response.status_code == 201, response.text
        created: Object = response.json()
        return created

    def send_patch(self, path: str, patch: Any, kind: str) -> httpx.Response:
        """Patch by `json`, `merge` or `strategic-merge`."""
        headers = {"content-type": f"application/{kind}-patch+json"}
        return self.patch(path, json=patch, headers=headers)

    def merge(self, path: str, patch: Object) -> Object:
        response = self.send_patch(path, patch, "merge")
        assert response.status_code == 200, response.text
        merged: Object = response.json()
        return merged

    def set_image(self, image: str, path: str = DEPLOYMENT) -> Object:
        containers = [{"name": "app", "image": image}]
        return self.merge(path, {"spec": {"template": {"spec": {"containers": containers}}}})

    def rolled_out(self, path: str = DEPLOYMENT) -> Object:
        """Wait until the Deployment's rollout is complete, by the rules of `kubectl rollout status`."""
        eventually(lambda: is_rolled_out(self.document(path)))
        return self.document(path)

    def replica_sets(self) -> dict[str, Object]:
        """Return the ReplicaSets of the Deployment by image."""
        sets = self.items(f"{APPS}/replicasets")
        return {one["spec"]["template"]["spec"]["containers"][0]["image"]: one for one in sets}

    def pod_images(self) -> Sequence[str]:
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.items(f"{CORE}/pods"))


def is_rolled_out(deployment: Object) -> bool:
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    observed = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return observed and all(status.get(count, 0) == wanted for count in counts)


def condition(obj: Object, kind: str) -> Object:
    found: Object = next((one for one in obj["status"].get("conditions", []) if one["type"] == kind), {})
    return found


def without_hash(pod_template: Object) -> Object:
    """Return a ReplicaSet's template as an undo puts it back."""
    labels = {
        key: value for key, value in pod_template["metadata"]["labels"].items() if key != "pod-template-hash"
    }
    return pod_template | {"metadata": pod_template["metadata"] | {"labels": labels}}


def undo(api: Api, image: str) -> httpx.Response:
    """Roll the Deployment back to the ReplicaSet of an image, bound to the generation seen."""
    deployment, target = api.document(DEPLOYMENT), api.replica_sets()[image]
    return api.send_patch(
        DEPLOYMENT,
        [
            {"op": "test", "path": "/metadata/generation", "value": deployment["metadata"]["generation"]},
            {"op": "replace", "path": "/spec/template", "value": without_hash(target["spec"]["template"])},
        ],
        "json",
    )
