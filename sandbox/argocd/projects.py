"""The AppProject objects, as far as their sync windows are concerned."""

import copy
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.responses import JSONResponse, Response

from sandbox.argocd.answers import ABORTED, DENIED, EXISTS, INVALID, NOT_FOUND, refusal
from sandbox.argocd.manifests import Object
from sandbox.receivers.receiving import Act, Received, Refused

_FIELDS = frozenset(
    {
        "kind", "schedule", "duration", "applications", "namespaces", "clusters", "manualSync", "timeZone",
        "andOperator", "description",
    }
)  # fmt: skip
"""What a window may hold (AppProject's CRD); the real server drops other fields, here they are refused."""


class Projects:
    """Projects by name, for an account whose `rights` on them tests may change; `admit` checks its token.

    Without `described` a window keeps no description, as older servers do.
    """

    def __init__(self, *, admit: Callable[[Received], None]) -> None:
        self.rights = {"get", "update"}
        self.described = True
        self.meanwhile: Callable[[], object] | None = None
        self.writes = 0
        self._admit = admit
        self._lock = threading.RLock()
        self._versions = itertools.count(1)
        self._objects: dict[str, Object] = {}
        self.create("default")

    def create(self, name: str, *windows: Object) -> None:
        """Create a project that lets everything be deployed, with sync windows."""
        metadata = {"name": name, "namespace": "argocd", "resourceVersion": str(next(self._versions))}
        spec = {"sourceRepos": ["*"], "destinations": [{"namespace": "*", "server": "*"}]}
        self._objects[name] = {"metadata": metadata, "spec": {**spec, "syncWindows": list(windows)}}

    def windows(self, name: str) -> list[Object]:
        """Return the sync windows of a project as they are now."""
        found: list[Object] = copy.deepcopy(self._objects[name]["spec"].get("syncWindows") or [])
        return found

    def edit(self, name: str, *windows: Object) -> None:
        """Replace the windows, as a person does."""
        with self._lock:
            self._objects[name]["spec"]["syncWindows"] = list(windows)
            self._objects[name]["metadata"]["resourceVersion"] = str(next(self._versions))

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        one = "/api/v1/projects/{name}"
        return [("GET", one, self._get), ("PUT", one, self._put)]

    def _allowed(self, received: Received, right: str) -> Object:
        self._admit(received)
        if right not in self.rights:
            why = f"permission denied: projects, {right}, {received.parameters['name']}"
            raise Refused(refusal(DENIED, why))
        found = self._objects.get(received.parameters["name"])
        if found is None:
            raise Refused(refusal(NOT_FOUND, "appprojects.argoproj.io not found"))
        return found

    def _get(self, received: Received) -> Response:
        return JSONResponse(self._allowed(received, "get"))

    def _put(self, received: Received) -> Response:
        """Replace a project, if it is still the one that was read; its windows must be distinct and valid."""
        new = _project(received)
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        with self._lock:
            current = self._allowed(received, "update")
            if new["metadata"].get("resourceVersion") != current["metadata"]["resourceVersion"]:
                raise Refused(refusal(ABORTED, "the object has been modified; please apply your changes"))
            _check(new["spec"].get("syncWindows") or [])
            if not self.described:
                for window in new["spec"].get("syncWindows") or []:
                    window.pop("description", None)
            new["metadata"]["resourceVersion"] = str(next(self._versions))
            self._objects[received.parameters["name"]] = new
            self.writes += 1
        return JSONResponse(new)


def _project(received: Received) -> Object:
    try:
        found: Any = received.json()["project"]
        if found["metadata"]["name"] == received.parameters["name"] and isinstance(found["spec"], dict):
            project: Object = found
            return project
    except (msgspec.DecodeError, KeyError, TypeError):
        pass
    raise Refused(refusal(INVALID, "the body holds no project of that name"))


def _check(windows: Sequence[Object]) -> None:
    seen = set()
    for window in windows:
        names = tuple(window.get(key, "") for key in ("kind", "schedule", "duration"))
        if unknown := set(window) - _FIELDS:
            raise Refused(refusal(INVALID, f"unknown fields {sorted(unknown)}"))
        if names[0] not in {"allow", "deny"} or len(names[1].split()) != 5 or names[2][-1:] not in set("smh"):
            raise Refused(refusal(INVALID, f"cannot parse window {names}"))
        if names in seen:
            raise Refused(refusal(EXISTS, f"window {names} already exists, update or edit"))
        if not any(window.get(key) for key in ("applications", "namespaces", "clusters")):
            raise Refused(
                refusal(INVALID, f"window {names} requires one of application, cluster or namespace")
            )
        seen.add(names)
