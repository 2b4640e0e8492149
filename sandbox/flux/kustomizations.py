"""kustomize-controller: applies the manifests of a folder in git, and puts back what drifted."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from sandbox.flux.api import Api, Object, Refused
from sandbox.flux.definitions import KUSTOMIZATIONS, KUSTOMIZE, SOURCE
from sandbox.flux.rhythm import Rhythm, begun, status
from sandbox.flux.sources import Sources
from sandbox.git import GitFailed

MANAGER = "kustomize-controller"
SWITCH = f"{KUSTOMIZE}/reconcile"
_MANIFESTS = (".yaml", ".yml", ".json")


class Kustomizations:
    """Reconciles the cluster's Kustomizations."""

    def __init__(self, api: Api, sources: Sources) -> None:
        self._api = api
        self._sources = sources
        self._rhythm = Rhythm()

    def reconcile(self) -> None:
        """Apply each Kustomization that is due."""
        for found in self._api.items(KUSTOMIZATIONS):
            source = self._source(found)
            revision = ((source or {}).get("status") or {}).get("artifact", {}).get("revision", "")
            moved = bool(revision) and revision != (found.get("status") or {}).get("lastAttemptedRevision")
            if not self._rhythm.is_due(found, moved=moved):
                continue
            progress = begun(found, f"Detecting drift for revision {revision}")
            if self._api.begin(found, progress, manager=MANAGER):
                self._api.put_status(found, self._applied(found, source, revision), manager=MANAGER)

    def _source(self, kustomization: Object) -> Object | None:
        reference = kustomization["spec"]["sourceRef"]
        namespace = reference.get("namespace") or kustomization["metadata"]["namespace"]
        name = reference["name"]
        return self._api.find(f"/apis/{SOURCE}/v1/namespaces/{namespace}/gitrepositories/{name}")

    def _applied(self, kustomization: Object, source: Object | None, revision: str) -> Object:
        if source is None or not revision:
            message = "Source artifact not found, retrying"
            return status(kustomization, reason="ArtifactFailed", message=message, ready=False)
        try:
            for manifest in self._manifests(kustomization, source, revision):
                if not self._is_left_alone(manifest):
                    self._api.apply(manifest, manager=MANAGER)
        except (Refused, GitFailed, yaml.YAMLError) as error:
            said = status(kustomization, reason="ReconciliationFailed", message=str(error), ready=False)
            return said | {"lastAttemptedRevision": revision}
        said = status(
            kustomization, reason="ReconciliationSucceeded", message=f"Applied revision: {revision}"
        )
        return said | {"lastAttemptedRevision": revision, "lastAppliedRevision": revision}

    def _manifests(self, kustomization: Object, source: Object, revision: str) -> Iterator[Object]:
        spec, metadata = kustomization["spec"], kustomization["metadata"]
        commit = revision.rpartition(":")[2]
        marks = {f"{KUSTOMIZE}/name": metadata["name"], f"{KUSTOMIZE}/namespace": metadata["namespace"]}
        files = self._sources.repository(source).files(commit, spec.get("path", ""))
        for name, text in sorted(files.items()):
            if not name.endswith(_MANIFESTS):
                continue
            for manifest in yaml.safe_load_all(text):
                if not manifest or manifest["apiVersion"].startswith("kustomize.config.k8s.io/"):
                    continue
                own = manifest["metadata"]
                own["namespace"] = spec.get("targetNamespace") or own.get("namespace", "default")
                own["labels"] = {**(own.get("labels") or {}), **marks}
                yield manifest

    def _is_left_alone(self, manifest: Object) -> bool:
        """Say whether the manifest, or what the cluster has of it, is marked to be left alone."""
        there = self._api.find(self._api.path_of(manifest)) or {"metadata": {}}
        marks = [
            (obj["metadata"].get(place) or {}).get(SWITCH)
            for obj in (manifest, there)
            for place in ("annotations", "labels")
        ]
        return "disabled" in marks
