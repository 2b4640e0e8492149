"""The custom resources that the sandbox has controllers for: Argo Rollouts and KEDA's ScaledObjects.

The definitions are as much of the real ones as the API server needs to serve them; there are no schemas.
"""

from __future__ import annotations

from sandbox.cluster.objects import Object
from sandbox.cluster.resources import Catalogue, Resource


def _definition(group: str, plural: str, kind: str, short: str, subresources: Object) -> Object:
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": subresources,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "shortNames": [short]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


ROLLOUTS = _definition(
    "argoproj.io",
    "rollouts",
    "Rollout",
    "ro",
    {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
    },
)
SCALED_OBJECTS = _definition("keda.sh", "scaledobjects", "ScaledObject", "so", {"status": {}})


def rollouts(catalogue: Catalogue) -> Resource | None:
    """Return the resource of Argo Rollouts, None while it is not defined."""
    return catalogue.find("argoproj.io", "v1alpha1", "rollouts")


def scaled_objects(catalogue: Catalogue) -> Resource | None:
    """Return the resource of KEDA's ScaledObjects, None while it is not defined."""
    return catalogue.find("keda.sh", "v1alpha1", "scaledobjects")
