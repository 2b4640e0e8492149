"""A client of the stand-in cluster by its kubeconfig: plain HTTP and a bearer token."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import yaml

from sandbox.helm.operations import Failed
from sandbox.helm.releases import Object

TIMEOUT_SECONDS = 20


class HttpApi:
    """Calls the API for as long as the `with` block lasts; a refusal is told as Helm tells it."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        token = config["users"][0]["user"].get("token", "")
        self._client = httpx.Client(
            base_url=config["clusters"][0]["cluster"]["server"],
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str) -> Object | None:
        return self._sent("GET", path)

    def create(self, path: str, body: Object) -> Object:
        return self._there("POST", path, body)

    def patch(self, path: str, body: object) -> Object:
        return self._there("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._sent("DELETE", path)

    def _there(self, method: str, path: str, body: object) -> Object:
        found = self._sent(method, path, body)
        if found is None:
            raise Failed(f"the server could not find the requested resource: {path}")
        return found

    def _sent(self, method: str, path: str, body: object = None) -> Object | None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            answer = self._client.request(method, path, json=body, headers={"Content-Type": kind})
        except httpx.HTTPError as error:
            raise Failed(f"Kubernetes cluster unreachable: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        document: Object = answer.json()
        if answer.is_error:
            raise Failed(f"query: failed: {document.get('message', answer.status_code)}")
        return document
