"""Where the API keeps what is read and changed, and the requests for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from shared.adapters.kubernetes import wire

FIELD_MANAGER = "backout"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Resource:
    """A resource of the API: its group (empty for core), version and plural name."""

    group: str
    version: str
    plural: str

    @property
    def qualified(self) -> str:
        """The name that roles and kubectl know it by, like ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Return the path of the collection, of one object, or of its subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return "/".join(filter(None, (root, "namespaces", namespace, self.plural, name, subresource)))


DEPLOYMENTS = Resource("apps", "v1", "deployments")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets")
DAEMON_SETS = Resource("apps", "v1", "daemonsets")
REPLICA_SETS = Resource("apps", "v1", "replicasets")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions")
PODS = Resource("", "v1", "pods")
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
EVENTS = Resource("", "v1", "events")
CRON_JOBS = Resource("batch", "v1", "cronjobs")
JOBS = Resource("batch", "v1", "jobs")
ROLLOUTS = Resource("argoproj.io", "v1alpha1", "rollouts")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects")


@dataclass(frozen=True)
class Request:
    """One call of the API, with the words that a role or a person would use for it."""

    method: str
    verb: str
    resource: str
    namespace: str
    path: str
    name: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.namespace}/{self.name}".rstrip("/ ")


VERSION = Request("GET", "get", "version", "", "/version")
"""Asks for the server's version: an address that every account may read."""


def is_name(text: str) -> bool:
    """Return whether an object can have this name."""
    return _NAME.fullmatch(text) is not None


def get(
    resource: Resource,
    namespace: str,
    name: str,
    *,
    subresource: str = "",
    asked: Mapping[str, str] | None = None,
) -> Request:
    """Return the request for one object or its subresource; `asked` is what the query holds."""
    path = resource.path(namespace, name, subresource) + ("?" + urlencode(asked) if asked else "")
    return Request("GET", "get", _known_as(resource, subresource), namespace, path, name)


def list_of(
    resource: Resource, namespace: str, selector: wire.Selector | None = None, *, fields: str = ""
) -> Request:
    """Return the request for the objects of a namespace that the selectors select."""
    labels = "" if selector is None else query(selector)
    wanted = {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
    path = resource.path(namespace) + ("?" + urlencode(wanted) if wanted else "")
    return Request("GET", "list", resource.qualified, namespace, path)


def create(resource: Resource, namespace: str, name: str, *, body: object, subresource: str = "") -> Request:
    """Return the request that makes an object, or calls the subresource of one (an eviction)."""
    path = resource.path(namespace, name if subresource else "", subresource)
    path += "?" + urlencode({"fieldManager": FIELD_MANAGER})
    headers = {"Content-Type": "application/json"}
    return Request("POST", "create", _known_as(resource, subresource), namespace, path, name, body, headers)


def patch(
    resource: Resource, namespace: str, name: str, *, kind: str, body: object, subresource: str = ""
) -> Request:
    """Return the request that patches one object; `kind` is the media type of the patch."""
    path = resource.path(namespace, name, subresource) + "?" + urlencode({"fieldManager": FIELD_MANAGER})
    known_as = _known_as(resource, subresource)
    return Request("PATCH", "patch", known_as, namespace, path, name, body, {"Content-Type": kind})


def query(selector: wire.Selector) -> str:
    """Return a selector in the form that a query takes, ``app=shop,tier in (a,b),!canary``."""
    told = [f"{key}={value}" for key, value in selector.match_labels.items()]
    for wanted in selector.match_expressions:
        values = ",".join(wanted.values)
        forms = {
            "In": f"{wanted.key} in ({values})",
            "NotIn": f"{wanted.key} notin ({values})",
            "Exists": wanted.key,
            "DoesNotExist": f"!{wanted.key}",
        }
        told.append(forms[wanted.operator])
    return ",".join(told)


def _known_as(resource: Resource, subresource: str) -> str:
    """Return the name that a role must list: a subresource is granted on its own."""
    if not subresource:
        return resource.qualified
    return f"{resource.plural}/{subresource}" + (f".{resource.group}" if resource.group else "")
