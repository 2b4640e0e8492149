"""Flux's objects as a cluster is told of them: as much of each schema as a rollback has to do with."""

from __future__ import annotations

import time

from sandbox.flux.api import Api, Object, Refused

SOURCE = "source.toolkit.fluxcd.io"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
HELM = "helm.toolkit.fluxcd.io"

GIT_REPOSITORIES = f"/apis/{SOURCE}/v1/gitrepositories"
KUSTOMIZATIONS = f"/apis/{KUSTOMIZE}/v1/kustomizations"
HELM_RELEASES = f"/apis/{HELM}/v2/helmreleases"
_DEFINITIONS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

_SERVED_SECONDS = 10.0
_POLL_SECONDS = 0.02
_ANYTHING: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT: Object = {"type": "string"}
_SPEC: Object = {**_ANYTHING, "properties": {"suspend": {"type": "boolean"}, "interval": _TEXT}}
_SCHEMA: Object = {"type": "object", "properties": {"spec": _SPEC, "status": _ANYTHING}}


def _definition(group: str, version: str, kind: str, plural: str, short_name: str) -> Object:
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": _SCHEMA},
    }
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "shortNames": [short_name]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [served]},
    }


DEFINITIONS = (
    _definition(SOURCE, "v1", "GitRepository", "gitrepositories", "gitrepo"),
    _definition(KUSTOMIZE, "v1", "Kustomization", "kustomizations", "ks"),
    _definition(HELM, "v2", "HelmRelease", "helmreleases", "hr"),
)


def install(api: Api) -> None:
    """Define what the cluster does not know yet, and return once all of it is served."""
    for definition in DEFINITIONS:
        if api.find(f"{_DEFINITIONS_PATH}/{definition['metadata']['name']}") is None:
            api.create(_DEFINITIONS_PATH, definition)
    deadline = time.monotonic() + _SERVED_SECONDS
    for collection in (GIT_REPOSITORIES, KUSTOMIZATIONS, HELM_RELEASES):
        while api.find(collection) is None:
            if time.monotonic() > deadline:
                raise Refused(f"{collection}: not served after {_SERVED_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
