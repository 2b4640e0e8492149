"""Flux's objects and a team's manifests, as these tests write them."""

import json
from typing import Any

from tests.sandbox.cluster.api import workload

URL = "https://git.shop.example/deploy"
SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
RELEASES = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases"
SOON = "50ms"
NEVER = "1h"

Object = dict[str, Any]


def source(branch: str = "main") -> Object:
    spec = {"url": URL, "interval": SOON, "ref": {"branch": branch}}
    return {"metadata": {"name": "deploy"}, "spec": spec}


def kustomization(name: str = "apps", path: str = "./apps", *, interval: str = SOON, **spec: Any) -> Object:
    reference = {"kind": "GitRepository", "name": "deploy"}
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": interval, "path": path, "prune": True, "sourceRef": reference, **spec},
    }


def release(image: str, *, interval: str = SOON, **spec: Any) -> Object:
    chart = {"spec": {"chart": "cart", "version": "0.1.0"}}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "cart", "namespace": "flux-system"},
        "spec": {
            "interval": interval,
            "targetNamespace": "shop",
            "chart": chart,
            "values": {"image": image},
            **spec,
        },
    }


def manifest(image: str, **spec: Any) -> str:
    """Return the Deployment cart of the namespace shop, as a team keeps it in git."""
    deployment = workload("Deployment", image=image, replicas=1, **spec)
    deployment["metadata"]["namespace"] = "shop"
    return json.dumps(deployment)
