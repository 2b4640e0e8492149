"""Read what a request is about from its path, as `/apis/apps/v1/namespaces/shop/deployments/cart/scale`."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster.errors import method_not_allowed, no_such_path
from sandbox.cluster.resources import Catalogue, Resource

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A resource, and as much of namespace, name and subresource as the path names."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str, catalogue: Catalogue) -> Target:
    """Find the target of a path; 404 for what is not served."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and catalogue.find(group, version, rest[2]):
        namespace, rest = rest[1], rest[2:]
    resource = catalogue.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        raise no_such_path()
    name, subresource = [*rest[1:], "", ""][:2]
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    if name and resource.namespaced and not namespace:
        raise no_such_path()
    return Target(resource=resource, namespace=namespace, name=name, subresource=subresource)


def verb_of(method: str, target: Target, *, watching: bool) -> str:
    """Name the request's verb as RBAC and audit logs do; 405 for what the resource does not take."""
    if method not in _VERBS:
        raise method_not_allowed()
    verb = _VERBS[method]
    if not target.name:
        verb = {"get": "watch" if watching else "list", "delete": "deletecollection"}.get(verb, verb)
    elif verb == "get" and watching:
        verb = "watch"
    without_name = verb in ("update", "patch") and not target.name
    with_name = verb == "create" and bool(target.name) and target.subresource != "eviction"
    without_namespace = verb == "create" and target.resource.namespaced and not target.namespace
    if without_name or with_name or without_namespace or verb not in target.resource.verbs:
        raise method_not_allowed()
    return verb
