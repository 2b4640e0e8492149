"""Tell clients what is served: groups, versions, resources, and as much OpenAPI as they need.

kubectl asks the OpenAPI document two things: whether the server validates fields itself (then kubectl does
not), and whether it takes dry runs. There are no schemas in it.
"""

from __future__ import annotations

from typing import Any

from sandbox.cluster.errors import no_such_path
from sandbox.cluster.objects import Object
from sandbox.cluster.resources import Catalogue, Resource

VERSION = {
    "major": "1", "minor": "32", "gitVersion": "v1.32.0", "gitCommit": "sandbox", "gitTreeState": "clean",
    "buildDate": "2025-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "linux/amd64",
}  # fmt: skip
# A protobuf message of type openapi.v2.Document with `swagger: "2.0"` and nothing else, for older clients.
OPENAPI_V2 = b"\x0a\x032.0"
SUBRESOURCE_KINDS = {
    "scale": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
    "eviction": {"group": "policy", "version": "v1", "kind": "Eviction"},
}


def answer(path: str, catalogue: Catalogue) -> Object | None:
    """Return the discovery document at a path, None when the path is about objects."""
    found: Object | None = None
    match [part for part in path.split("/") if part]:
        case ["version"]:
            found = VERSION
        case ["api"]:
            found = {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            groups = [_group(name, catalogue) for name in catalogue.versions() if name]
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in catalogue.versions():
            found = {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, catalogue)
        case ["api", version]:
            found = _resource_list("", version, catalogue)
        case ["apis", group, version]:
            found = _resource_list(group, version, catalogue)
        case ["openapi", "v3"]:
            found = _openapi_index(catalogue)
        case ["openapi", "v3", "api", version]:
            found = _openapi("", version, catalogue)
        case ["openapi", "v3", "apis", group, version]:
            found = _openapi(group, version, catalogue)
    return found


def _group(name: str, catalogue: Catalogue) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for version in catalogue.versions()[name]
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: str, version: str, catalogue: Catalogue) -> Object:
    found = [one for one in catalogue if (one.group, one.version) == (group, version)]
    if not found:
        raise no_such_path()
    resources = [entry for one in found for entry in _entries(one)]
    return {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version,
        "resources": resources,
    }  # fmt: skip


def _entries(resource: Resource) -> list[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        "shortNames": list(resource.short_names),
    }
    if resource.in_all:
        entry["categories"] = ["all"]
    return [entry, *(_subresource(resource, name) for name in resource.subresources)]


def _subresource(resource: Resource, name: str) -> Object:
    verbs = {"eviction": ["create"], "log": ["get"]}.get(name, ["get", "patch", "update"])
    shared = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
    return shared | {"kind": resource.kind, "verbs": verbs} | SUBRESOURCE_KINDS.get(name, {})


def _openapi_index(catalogue: Catalogue) -> Object:
    paths = {}
    for resource in catalogue:
        root = f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"
        paths[root] = {"serverRelativeURL": f"/openapi/v3/{root}?hash=sandbox"}
    return {"paths": paths}


def _openapi(group: str, version: str, catalogue: Catalogue) -> Object:
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths = {}
    for resource in catalogue:
        if (resource.group, resource.version) == (group, version) and "patch" in resource.verbs:
            where = "/namespaces/{namespace}" if resource.namespaced else ""
            paths[f"{root}{where}/{resource.plural}/{{name}}"] = {"patch": _patch_operation(resource)}
    return {
        "openapi": "3.0.0",
        "info": {"title": "sandbox", "version": "v1.32.0"},
        "paths": paths,
        "components": {"schemas": {}},
    }


def _patch_operation(resource: Resource) -> dict[str, Any]:
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {
        "operationId": f"patch{resource.kind}",
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": kind,
    }
