"""The cluster's API as Flux's controllers use it: they list, apply by force, and write statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import httpx
import msgspec

Object: TypeAlias = dict[str, Any]
_MERGE_PATCH = "application/merge-patch+json"
_SECONDS = 10.0


class Refused(RuntimeError):
    """The cluster did not do what was asked; the message says what, and its answer."""


class Moved(Refused):
    """The object is not as it was read any more."""


class Api:
    """A client of the API at `url`; `token` is a bearer credential, where the cluster wants one."""

    def __init__(self, url: str, *, token: str = "") -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_SECONDS)
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def find(self, path: str) -> Object | None:
        """Return an object, or None when there is none."""
        return self._call("GET", path)

    def items(self, path: str) -> Sequence[Object]:
        """Return the objects of a collection, none where it is not served."""
        found = self._call("GET", path)
        return [] if found is None else list(found["items"])

    def create(self, path: str, obj: Object) -> None:
        """Make an object in a collection."""
        self._call("POST", path, obj)

    def apply(self, obj: Object, *, manager: str) -> None:
        """Apply an object by force, as its own path."""
        query = f"?fieldManager={manager}&force=true"
        self._must("PATCH", self.path_of(obj) + query, obj, "application/apply-patch+yaml")

    def put_status(self, obj: Object, status: Object, *, manager: str) -> None:
        """Change fields of an object's status; one that is gone has none."""
        self._call("PATCH", self._status_of(obj, manager), {"status": status}, _MERGE_PATCH)

    def begin(self, obj: Object, status: Object, *, manager: str) -> bool:
        """Change fields of the status if the object is still as it was read; say whether it is."""
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        body = {"metadata": metadata, "status": status}
        try:
            return self._call("PATCH", self._status_of(obj, manager), body, _MERGE_PATCH) is not None
        except Moved:
            return False

    def _status_of(self, obj: Object, manager: str) -> str:
        return f"{self.path_of(obj)}/status?fieldManager={manager}"

    def path_of(self, obj: Object) -> str:
        """Return the path of an object, by what the cluster says of its kind."""
        version, kind, metadata = obj["apiVersion"], obj["kind"], obj["metadata"]
        plural, namespaced = self._plural(version, kind)
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        where = f"/namespaces/{metadata['namespace']}" if namespaced else ""
        return f"{root}{where}/{plural}/{metadata['name']}"

    def _plural(self, version: str, kind: str) -> tuple[str, bool]:
        known = self._plurals.get((version, kind))
        if known is None:
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            served = (self._call("GET", root) or {"resources": []})["resources"]
            for one in served:
                if one["kind"] == kind and "/" not in one["name"]:
                    known = self._plurals[version, kind] = (one["name"], one["namespaced"])
        if known is None:
            raise Refused(f'no matches for kind "{kind}" in version "{version}"')
        return known

    def _must(self, method: str, path: str, body: Object, kind: str) -> None:
        if self._call(method, path, body, kind) is None:
            raise Refused(f"{method} {path}: 404")

    def _call(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object | None:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = self._client.request(method, path, content=content, headers={"content-type": kind})
        except httpx.HTTPError as error:
            raise Refused(f"{method} {path}: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            refusal = Moved if answer.status_code == httpx.codes.CONFLICT else Refused
            raise refusal(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        found: Object = answer.json()
        return found
