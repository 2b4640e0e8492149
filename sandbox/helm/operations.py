"""What Helm does to a cluster, in its order: a Secret first, then the objects, then the Secret again.

The messages are Helm's own (pkg/action/rollback.go, pkg/storage). A rollback compares nothing but the number
of the new version, whose Secret must not be there; one that is broken off stays pending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sandbox.helm.releases import Object, Release, manifest_of, release_in, secret_of

PATHS = {
    ("v1", "ConfigMap"): ("/api/v1", "configmaps"),
    ("v1", "Secret"): ("/api/v1", "secrets"),
    ("v1", "Service"): ("/api/v1", "services"),
    ("apps/v1", "Deployment"): ("/apis/apps/v1", "deployments"),
    ("apps/v1", "StatefulSet"): ("/apis/apps/v1", "statefulsets"),
    ("apps/v1", "DaemonSet"): ("/apis/apps/v1", "daemonsets"),
}
"""Where the kinds that a chart here may hold are kept."""


class Failed(Exception):
    """What Helm says after ``Error:`` before it ends with 1."""


class Api(Protocol):
    """The calls of the cluster's API that it takes; a patch is a merge patch."""

    def get(self, path: str) -> Object | None: ...

    def create(self, path: str, body: Object) -> Object: ...

    def patch(self, path: str, body: object) -> Object: ...

    def delete(self, path: str) -> None: ...


@dataclass(frozen=True)
class Helm:
    """Helm in one namespace. `hook` runs before a rollback, as a chart's ``pre-rollback`` does."""

    api: Api
    namespace: str
    hook: Callable[[], None] = lambda: None

    def install(self, name: str, objects: Sequence[Object], *, chart_version: str = "1.0.0") -> Release:
        """Install a release."""
        return self._deploy(name, objects, 1, "Install complete", chart_version)

    def upgrade(self, name: str, objects: Sequence[Object], *, chart_version: str = "1.0.0") -> Release:
        """Make the next version of a release."""
        return self._deploy(name, objects, self._newest(name).version + 1, "Upgrade complete", chart_version)

    def rollback(self, name: str, version: int) -> Release:
        """Make the next version of a release out of an earlier one."""
        before = self._newest(name)
        target = next((one for one in self.history(name) if one.version == version), None)
        if target is None:
            raise Failed(f"release has no {version} version")
        new = replace(
            target,
            version=before.version + 1,
            status="pending-rollback",
            description=f"Rollback to {version}",
        )
        self.store(new)
        self.hook()
        try:
            self._apply(new, before)
        except Failed as error:
            self.mark(before, "superseded")
            self.mark(new, "failed", description=f'Rollback "{name}" failed: {error}')
            raise
        return self._deployed(new)

    def history(self, name: str) -> list[Release]:
        """Return the versions of a release, oldest first."""
        selector = f"labelSelector=name%3D{name}%2Cowner%3Dhelm"
        found = self.api.get(f"{self._secrets}?{selector}")
        assert found is not None
        return sorted((release_in(one) for one in found["items"]), key=lambda one: one.version)

    def store(self, release: Release) -> None:
        """Keep a version that is not there yet."""
        if self.api.get(f"{self._secrets}/{release.key}") is not None:
            raise Failed("release: already exists")
        self.api.create(self._secrets, secret_of(release))

    def mark(self, release: Release, status: str, *, description: str = "") -> Release:
        """Change the status of a version that is there."""
        marked = replace(release, status=status, description=description or release.description)
        secret = secret_of(marked, modified=True)
        change = {"metadata": {"labels": secret["metadata"]["labels"]}, "data": secret["data"]}
        self.api.patch(f"{self._secrets}/{release.key}", change)
        return marked

    @property
    def _secrets(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    def _newest(self, name: str) -> Release:
        found = self.history(name)
        if not found:
            raise Failed("release: not found")
        return found[-1]

    def _deploy(
        self, name: str, objects: Sequence[Object], version: int, description: str, chart_version: str
    ) -> Release:
        before = self._newest(name) if version > 1 else None
        if before is not None and before.status.startswith("pending-"):
            raise Failed("UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress")
        new = Release(
            name=name,
            namespace=self.namespace,
            version=version,
            status="pending-upgrade" if before else "pending-install",
            manifest=manifest_of(objects),
            description=description,
            chart_version=chart_version,
        )
        self.store(new)
        self._apply(new, before)
        return self._deployed(new)

    def _deployed(self, new: Release) -> Release:
        for one in self.history(new.name):
            if one.status == "deployed":
                self.mark(one, "superseded")
        return self.mark(new, "deployed")

    def _apply(self, new: Release, before: Release | None) -> None:
        wanted = {self._path(one): self._marked(one, new) for one in new.objects}
        for path, one in wanted.items():
            if self.api.get(path) is None:
                self.api.create(path.rpartition("/")[0], one)
            else:
                self.api.patch(path, one)
        for path in {self._path(one) for one in before.objects} - wanted.keys() if before else ():
            self.api.delete(path)

    def _path(self, one: Object) -> str:
        kept = PATHS.get((one["apiVersion"], one["kind"]))
        if kept is None:
            raise Failed(f'no matches for kind "{one["kind"]}" in version "{one["apiVersion"]}"')
        metadata = one["metadata"]
        namespace = metadata.get("namespace", self.namespace)
        return f"{kept[0]}/namespaces/{namespace}/{kept[1]}/{metadata['name']}"

    def _marked(self, one: Object, release: Release) -> Object:
        """Return the object with the marks that Helm leaves on all it makes."""
        metadata = one["metadata"]
        marks = {
            "meta.helm.sh/release-name": release.name,
            "meta.helm.sh/release-namespace": release.namespace,
        }
        labels = {**metadata.get("labels", {}), "app.kubernetes.io/managed-by": "Helm"}
        annotations = {**metadata.get("annotations", {}), **marks}
        return {**one, "metadata": {**metadata, "labels": labels, "annotations": annotations}}
