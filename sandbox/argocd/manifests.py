"""Manifests: how objects are named, marked, read from git and compared with what is live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

TRACKING = "argocd.argoproj.io/tracking-id"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLICATIONS = "argoproj.io/v1alpha1", "Application"
HOME = "argocd"
"""The namespace that Argo CD runs in."""

_SUFFIXES = (".yaml", ".yml", ".json")
_CONTROLLERS_OWN = "deployment.kubernetes.io/"

Object = dict[str, Any]


@dataclass(frozen=True)
class Ref:
    """Names one object of a cluster."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Ref:
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def tracked_by(self, application: str) -> str:
        """Return the tracking id that marks this object as the application's."""
        return f"{application}:{self.group}/{self.kind}:{self.namespace}/{self.name}"


def instance_name(namespace: str, name: str) -> str:
    """Return what marks call an application: those outside Argo CD's own namespace are told apart."""
    return name if namespace == HOME else f"{namespace}_{name}"


def read(files: Mapping[str, str], *, namespace: str, application: str) -> list[Object]:
    """Return the objects of a folder's files, in their order, marked as the application's.

    Raises ValueError for what is no manifest.
    """
    found = []
    for name, text in sorted(files.items()):
        if name.endswith(_SUFFIXES):
            found += [_marked(one, namespace, application) for one in _documents(name, text)]
    return found


def _documents(name: str, text: str) -> Iterable[Object]:
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: {error}") from error
    for one in documents:
        if one is None:
            continue
        if not isinstance(one, dict) or not all(one.get(key) for key in ("apiVersion", "kind", "metadata")):
            raise ValueError(f"{name}: not an object with apiVersion, kind and metadata")
        yield one


def _marked(obj: Object, namespace: str, application: str) -> Object:
    metadata = {"namespace": namespace, **obj["metadata"]}
    ref = Ref.of({**obj, "metadata": metadata})
    annotations = {**(metadata.get("annotations") or {}), TRACKING: ref.tracked_by(application)}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def patch_to(wanted: Object, live: Object) -> Object:
    """Return the merge patch that applies a manifest: what an earlier one set and this does not is removed.

    What neither of them names stays: replicas that an autoscaler sets, say.
    """
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED, "{}")
    return _three_way(msgspec.json.decode(text), wanted)


def _three_way(last: Any, wanted: Object) -> Object:
    before = last if isinstance(last, dict) else {}
    patch: Object = dict.fromkeys(before.keys() - wanted.keys())
    for key, value in wanted.items():
        patch[key] = _three_way(before.get(key), value) if isinstance(value, dict) else value
    return patch


def recording(patch: Object, wanted: Object) -> Object:
    """Return the patch, or a new object, with what is applied noted in it for the next time."""
    noted = {LAST_APPLIED: msgspec.json.encode(wanted).decode()}
    metadata = {**patch.get("metadata", {})}
    metadata["annotations"] = {**metadata.get("annotations", {}), **noted}
    return {**patch, "metadata": metadata}


def comparable(obj: Object) -> Object:
    """Return what a manifest can say of an object, without what controllers and the server write."""
    metadata = obj["metadata"]
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(_CONTROLLERS_OWN)
    }
    own = {key: value for key, value in obj.items() if key not in ("metadata", "status", "operation")}
    return {**own, "labels": metadata.get("labels") or {}, "annotations": annotations}


def health(live: Object | None) -> str:
    """Return an object's health as Argo CD words it."""
    if live is None:
        return "Missing"
    if live["kind"] not in ("Deployment", "StatefulSet"):
        return "Healthy"
    status, replicas = live.get("status") or {}, live["spec"].get("replicas", 1)
    if any(one.get("reason") == "ProgressDeadlineExceeded" for one in status.get("conditions") or []):
        return "Degraded"
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    counts = (status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return "Healthy" if seen and min(counts) >= replicas else "Progressing"
