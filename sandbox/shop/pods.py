"""The shop's pods, as the Kubernetes API lists them."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Pod:
    """One pod of the shop's workload."""

    name: str
    image: str
    container: str
    ready: bool


def list_pods(client: httpx.Client, *, namespace: str, workload: str) -> tuple[Pod, ...]:
    """Read the pods that belong to `workload`; raise `httpx.HTTPError` when the API cannot answer."""
    answer = client.get(f"/api/v1/namespaces/{namespace}/pods")
    answer.raise_for_status()
    return tuple(_read(item) for item in answer.json()["items"] if _belongs(item["metadata"], workload))


def _belongs(metadata: dict[str, Any], workload: str) -> bool:
    """Tell whether the owner is the workload itself or the ReplicaSet of one of its templates.

    The name alone is not enough: `checkout-worker-…` begins like a pod of `checkout`.
    """
    labels = metadata.get("labels", {})
    template = labels.get("pod-template-hash") or labels.get("rollouts-pod-template-hash")
    owners = {(owner["kind"], owner["name"]) for owner in metadata.get("ownerReferences", [])}
    return bool(
        owners
        & {("ReplicaSet", f"{workload}-{template}"), ("StatefulSet", workload), ("DaemonSet", workload)}
    )


def _read(item: dict[str, Any]) -> Pod:
    container = item["spec"]["containers"][0]
    conditions = item.get("status", {}).get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return Pod(
        name=item["metadata"]["name"],
        image=container["image"],
        container=container["name"],
        ready=ready and "deletionTimestamp" not in item["metadata"],
    )
