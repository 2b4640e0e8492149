"""The resources that the API server serves, and the catalogue that custom ones join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource in one version; versions of the same group and plural share their objects."""

    version: str
    plural: str
    kind: str
    group: str = ""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    in_all: bool = False
    custom: bool = False
    has_generation: bool = False
    # Custom resources say where their scale subresource finds its numbers, as `.spec.replicas`.
    scale_paths: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def qualified(self) -> str:
        """Name the resource as errors do, `deployments.apps`; its objects are kept under that too."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


def _core(plural: str, kind: str, **more: object) -> Resource:
    return Resource(version="v1", plural=plural, kind=kind, **more)  # type: ignore[arg-type]


def _apps(plural: str, kind: str, short: str, *subresources: str) -> Resource:
    return Resource(
        group="apps", version="v1", plural=plural, kind=kind, short_names=(short,),
        subresources=subresources, in_all=True, has_generation=True,
    )  # fmt: skip


NAMESPACES = _core("namespaces", "Namespace", namespaced=False, short_names=("ns",), subresources=("status",))
NODES = _core("nodes", "Node", namespaced=False, short_names=("no",), subresources=("status",))
PODS = _core("pods", "Pod", short_names=("po",), subresources=("status", "log", "eviction"), in_all=True)
EVENTS = _core("events", "Event", short_names=("ev",))
SERVICES = _core("services", "Service", short_names=("svc",), subresources=("status",), in_all=True)
DEPLOYMENTS = _apps("deployments", "Deployment", "deploy", "status", "scale")
REPLICASETS = _apps("replicasets", "ReplicaSet", "rs", "status", "scale")
STATEFULSETS = _apps("statefulsets", "StatefulSet", "sts", "status", "scale")
DAEMONSETS = _apps("daemonsets", "DaemonSet", "ds", "status")
CONTROLLERREVISIONS = Resource(
    group="apps", version="v1", plural="controllerrevisions", kind="ControllerRevision"
)
JOBS = Resource(
    group="batch", version="v1", plural="jobs", kind="Job", subresources=("status",), in_all=True,
    has_generation=True,
)  # fmt: skip
CRONJOBS = Resource(
    group="batch", version="v1", plural="cronjobs", kind="CronJob", short_names=("cj",),
    subresources=("status",), in_all=True, has_generation=True,
)  # fmt: skip
AUTOSCALERS = Resource(
    group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler",
    short_names=("hpa",), subresources=("status",), in_all=True,
)  # fmt: skip
AUTOSCALERS_V1 = Resource(
    group="autoscaling", version="v1", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler",
    short_names=("hpa",), subresources=("status",), in_all=True,
)  # fmt: skip
DISRUPTION_BUDGETS = Resource(
    group="policy", version="v1", plural="poddisruptionbudgets", kind="PodDisruptionBudget",
    short_names=("pdb",), subresources=("status",), has_generation=True,
)  # fmt: skip
POD_METRICS = Resource(
    group="metrics.k8s.io", version="v1beta1", plural="pods", kind="PodMetrics", verbs=("get", "list")
)
ACCESS_REVIEWS = Resource(
    group="authorization.k8s.io", version="v1", plural="selfsubjectaccessreviews",
    kind="SelfSubjectAccessReview", namespaced=False, verbs=("create",),
)  # fmt: skip
DEFINITIONS = Resource(
    group="apiextensions.k8s.io", version="v1", plural="customresourcedefinitions",
    kind="CustomResourceDefinition", namespaced=False, short_names=("crd", "crds"),
    subresources=("status",), has_generation=True,
)  # fmt: skip

BUILT_IN = (
    NAMESPACES, NODES, PODS, EVENTS,
    _core("configmaps", "ConfigMap", short_names=("cm",)),
    _core("secrets", "Secret"),
    SERVICES,
    _core("serviceaccounts", "ServiceAccount", short_names=("sa",)),
    DEPLOYMENTS, REPLICASETS, STATEFULSETS, DAEMONSETS, CONTROLLERREVISIONS,
    JOBS, CRONJOBS, AUTOSCALERS, AUTOSCALERS_V1, DISRUPTION_BUDGETS, POD_METRICS, ACCESS_REVIEWS, DEFINITIONS,
)  # fmt: skip


class Catalogue:
    """Find resources by the parts of a path or of an object; the first version of a group is preferred."""

    def __init__(self, resources: Iterable[Resource] = BUILT_IN) -> None:
        self._resources = {(one.group, one.version, one.plural): one for one in resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._resources.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """Find the resource of an owner reference or a scale target."""
        return next((one for one in self if one.kind == kind and one.api_version == api_version), None)

    def versions(self) -> dict[str, list[str]]:
        """Return the served versions of each group, the preferred one first."""
        found: dict[str, list[str]] = {}
        for one in self:
            versions = found.setdefault(one.group, [])
            if one.version not in versions:
                versions.append(one.version)
        return found

    def add(self, resources: Iterable[Resource]) -> None:
        self._resources |= {(one.group, one.version, one.plural): one for one in resources}

    def drop(self, group: str, plural: str) -> None:
        self._resources = {
            key: one for key, one in self._resources.items() if (one.group, one.plural) != (group, plural)
        }


def defined_by(definition: dict[str, object]) -> list[Resource]:
    """Return the resources that a CustomResourceDefinition asks for: one for each served version."""
    return list(_served(definition))


def _served(definition: dict[str, object]) -> Iterator[Resource]:
    spec = definition["spec"]
    assert isinstance(spec, dict)
    names = spec["names"]
    for version in sorted(spec["versions"], key=lambda one: not one.get("storage")):
        if not version.get("served", True):
            continue
        subresources = version.get("subresources") or {}
        yield Resource(
            group=spec["group"], version=version["name"], plural=names["plural"], kind=names["kind"],
            namespaced=spec.get("scope") != "Cluster", short_names=tuple(names.get("shortNames") or ()),
            subresources=tuple(subresources), custom=True, has_generation=True,
            in_all="all" in (names.get("categories") or ()),
            scale_paths=subresources.get("scale") or {},
        )  # fmt: skip
