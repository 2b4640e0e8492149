"""A small client of any API server: raw JSON in and out, by the credential of a kubeconfig."""

import json
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient

Object = dict[str, Any]

PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiServer:
    """Calls the API; `missing` is what a 404 gives."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client: ApiClient = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]

    def get(self, path: str) -> Object | None:
        """Return an object, or None when there is none."""
        return self._call("GET", path, None, "application/json")

    def create(self, path: str, body: Object) -> Object:
        return self._there(self._call("POST", path, body, "application/json"), path)

    def patch(self, path: str, body: object, *, kind: str = "merge") -> Object:
        sent = json.dumps(body) if kind == "apply" else body
        return self._there(self._call("PATCH", path, sent, PATCHES[kind]), path)

    def delete(self, path: str) -> None:
        self._call("DELETE", path + "?propagationPolicy=Background", None, "application/json")

    def close(self) -> None:
        self._client.rest_client.close()

    def _there(self, found: Object | None, path: str) -> Object:
        assert found is not None, f"404 for {path}"
        return found

    def _call(self, method: str, path: str, body: object, kind: str) -> Object | None:
        method, url, headers, _, _ = self._client.param_serialize(
            method, path, header_params={"Content-Type": kind}, auth_settings=["BearerToken"]
        )
        response = self._client.call_api(method, url, headers, body, _request_timeout=(5, 20))
        text = response.response.data
        if response.status == 404:
            return None
        assert response.status < 300, f"{method} {path}: {response.status} {text!r}"
        found: Object = json.loads(text)
        return found
