"""Where manifests are applied: a cluster, by its HTTP API."""

from __future__ import annotations

from typing import Protocol

import httpx

from sandbox.argocd.manifests import Object, Ref

_SECONDS = 5.0
_AGENT = "argocd-controller"


class Destination(Protocol):
    """Objects that can be read and written one at a time."""

    def find(self, ref: Ref) -> Object | None: ...

    def create(self, obj: Object) -> None: ...

    def patch(self, ref: Ref, patch: Object, *, dry_run: bool = False) -> Object:
        """Apply a merge patch and return the object as it is then, or would be."""
        ...

    def delete(self, ref: Ref) -> None: ...


class ClusterObjects:
    """The objects of a cluster. Raises httpx.HTTPError when it is away or refuses."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"User-Agent": _AGENT, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_SECONDS)
        self._served: dict[str, dict[str, tuple[str, bool]]] = {}

    def close(self) -> None:
        self._http.close()

    def find(self, ref: Ref) -> Object | None:
        answer = self._http.get(self._path(ref))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: Object = answer.raise_for_status().json()
        return found

    def create(self, obj: Object) -> None:
        collection = self._path(Ref.of(obj)).rpartition("/")[0]
        self._http.post(collection, json=obj, params={"fieldManager": _AGENT}).raise_for_status()

    def patch(self, ref: Ref, patch: Object, *, dry_run: bool = False) -> Object:
        answer = self._http.patch(
            self._path(ref),
            json=patch,
            params={"fieldManager": _AGENT, **({"dryRun": "All"} if dry_run else {})},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        patched: Object = answer.raise_for_status().json()
        return patched

    def delete(self, ref: Ref) -> None:
        answer = self._http.delete(self._path(ref))
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def _path(self, ref: Ref) -> str:
        root = f"/apis/{ref.api_version}" if ref.group else f"/api/{ref.api_version}"
        if ref.kind not in self._served.get(root, {}):
            resources = self._http.get(root).raise_for_status().json()["resources"]
            self._served[root] = {
                one["kind"]: (one["name"], one["namespaced"]) for one in resources if "/" not in one["name"]
            }
        if ref.kind not in self._served[root]:
            raise ValueError(f"the cluster serves no {ref.kind} of {ref.api_version}")
        plural, namespaced = self._served[root][ref.kind]
        return f"{root}{f'/namespaces/{ref.namespace}' if namespaced else ''}/{plural}/{ref.name}"
