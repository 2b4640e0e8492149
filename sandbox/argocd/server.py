"""The API server of Argo CD, and all that belongs to it, in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonpatch
import msgspec
from starlette.responses import JSONResponse, Response

from sandbox.argocd.answers import (
    DENIED,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    UNAUTHENTICATED,
    UNKNOWN,
    error,
    refusal,
)
from sandbox.argocd.applications import Applications, Key, automated
from sandbox.argocd.controller import FAILURES, Controller
from sandbox.argocd.destinations import ClusterObjects
from sandbox.argocd.manifests import HOME, Object, Ref
from sandbox.argocd.projects import Projects
from sandbox.cluster.patches import merge
from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer, decoded
from sandbox.repeating import Repeating

TOKEN = "argocd-sandbox-token"  # noqa: S105 - made up, worth nothing outside the sandbox
USER = "backout"
NO_REPOSITORIES: Mapping[str, Path] = MappingProxyType({})

_KNOWS_ENABLED = (3, 1)


class PatchBody(msgspec.Struct):
    name: str
    patch: str
    patchType: str = ""  # noqa: N815 the API's name
    appNamespace: str = ""  # noqa: N815 the API's name


class RollbackBody(msgspec.Struct):
    id: int | str = 0
    name: str = ""
    prune: bool = False
    dryRun: bool = False  # noqa: N815 the API's name
    appNamespace: str = ""  # noqa: N815 the API's name


class ArgoCD(Receiver):
    """Argo CD for one cluster and one account, whose `rights` on applications tests may change.

    Applications are made, changed and synced by others through its methods; the API is what the account
    may do. Branches are looked at every `poll_seconds`, drift is healed as quickly.
    """

    def __init__(
        self,
        cluster_url: str,
        *,
        cluster_token: str = "",
        repositories: Mapping[str, Path] = NO_REPOSITORIES,
        token: str = TOKEN,
        version: str = "v3.1.0+sandbox",
        poll_seconds: float = 0.2,
        clock: Clock = time.time,
        port: int = 0,
    ) -> None:
        self.projects = Projects(admit=self._admit)
        super().__init__(clock=clock, port=port)
        self.rights = {"get", "update", "sync"}
        self._token, self._version = token, version
        release = tuple(int(part) for part in version.removeprefix("v").split(".")[:2])
        self._applications = Applications(keeps_enabled=release >= _KNOWS_ENABLED)
        self._cluster = ClusterObjects(cluster_url, cluster_token)
        self._controller = Controller(
            self._applications, self._cluster, repositories=repositories, now=self._now
        )
        self._polling = Repeating(self._controller.reconcile_all, interval_seconds=poll_seconds)

    def start(self) -> None:
        super().start()
        self._polling.start()

    def stop(self) -> None:
        self._polling.stop()
        super().stop()
        self._cluster.close()

    # what others do

    def create(self, application: Object) -> None:
        """Create an Application, as `kubectl apply` does."""
        self._applications.create(application)

    def application(self, name: str, namespace: str = HOME) -> Object:
        """Return an Application as it is now."""
        found = self._applications.get((namespace, name))
        if found is None:
            raise KeyError(name)
        return found

    def edit(self, name: str, patch: Object, namespace: str = HOME) -> None:
        """Apply a merge patch to an Application, as `kubectl edit` does."""
        self._applications.change((namespace, name), lambda app: app.update(merge(app, patch)))

    def sync(self, name: str, revision: str = "", *, namespace: str = HOME) -> None:
        """Ask for a sync, as a person does by the command line."""
        app = self.application(name, namespace)
        revision = revision or app["spec"]["source"].get("targetRevision", "HEAD")
        operation = {"sync": {"revision": revision}, "initiatedBy": {"username": "alice"}}
        self._applications.change((namespace, name), lambda current: current.update(operation=operation))

    def delete(self, name: str, namespace: str = HOME) -> None:
        """Delete an Application and nothing of what it deployed."""
        self._controller.generated.pop((namespace, name), None)
        self._applications.delete(Ref("argoproj.io/v1alpha1", "Application", namespace, name))

    def generate(self, application_set: str, application: Object) -> None:
        """Have an ApplicationSet make an Application, and put its spec and annotations back ever after."""
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": application_set}
        owner |= {"uid": f"uid-of-{application_set}", "controller": True}  # type: ignore[dict-item]
        made = {**application, "metadata": {**application["metadata"], "ownerReferences": [owner]}}
        self._applications.create(made)
        key = (made["metadata"].get("namespace", HOME), made["metadata"]["name"])
        self._controller.generated[key] = made

    def hold(self, *, holding: bool = True) -> None:
        """Let operations begin and not end, or end again."""
        self._controller.holding = holding

    # the API

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        one = "/api/v1/applications/{name}"
        return [
            ("GET", "/api/version", lambda _: JSONResponse({"Version": self._version})),
            ("GET", "/api/v1/session/userinfo", self._user),
            *self.projects.routes(),
            ("GET", "/api/v1/applications", self._list),
            ("GET", one, self._get),
            ("PATCH", one, self._patch),
            ("POST", f"{one}/rollback", self._roll_back),
            ("GET", f"{one}/manifests", self._manifests),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        return JSONResponse(error(UNKNOWN, message), status, headers)

    def not_found(self) -> Response:
        return JSONResponse(error(NOT_FOUND, "Not Found"), 404)

    def _user(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse({"loggedIn": True, "username": USER, "iss": "argocd"})

    def _admit(self, received: Received) -> None:
        token = bearer(received)
        if token != self._token:
            why = "no session information" if token is None else "invalid session: token signature is invalid"
            raise Refused(refusal(UNAUTHENTICATED, why))

    def _allowed(self, received: Received, namespace: str, *rights: str) -> tuple[Key, Object]:
        """Return the application if there is one that the account has the rights on; both look the same."""
        self._admit(received)
        key = (namespace or HOME, received.parameters["name"])
        app = self._applications.get(key)
        if app is None or not self.rights.issuperset(rights):
            raise Refused(refusal(DENIED, "permission denied"))
        return key, app

    def _list(self, received: Received) -> Response:
        """List what the account may see; the query parameter ``fields`` is not heeded."""
        self._admit(received)
        keys = self._applications.keys() if "get" in self.rights else []
        seen = [self._applications.get(key) for key in keys]
        return JSONResponse({"metadata": {}, "items": seen or None})

    def _get(self, received: Received) -> Response:
        key, app = self._allowed(received, received.query.get("appNamespace", ""), "get")
        if received.query.get("refresh"):
            self._controller.reconcile(key)
            app = self._applications.get(key) or app
        return JSONResponse(app)

    def _patch(self, received: Received) -> Response:
        """Patch as the real one does: only spec, labels and annotations are taken over from what comes of it.

        So a resource version in a merge patch counts for nothing; in a JSON patch it can be tested.
        """
        body = decoded(_body(received), PatchBody, refuse=_invalid)
        key, app = self._allowed(received, body.appNamespace, "get", "update")
        patched = _patched(app, body)

        def edit(current: Object) -> None:
            current["spec"] = patched["spec"]
            for field in ("labels", "annotations"):
                current["metadata"][field] = patched["metadata"].get(field) or {}

        return JSONResponse(self._applications.change(key, edit))

    def _roll_back(self, received: Received) -> Response:
        body = decoded(_body(received), RollbackBody, refuse=_invalid)
        key, app = self._allowed(received, body.appNamespace, "sync")
        if automated(app) is not None:
            raise Refused(refusal(PRECONDITION, "rollback cannot be initiated when auto-sync is enabled"))
        history = app["status"].get("history", [])
        entry = next((one for one in history if str(one["id"]) == str(body.id)), None)
        if entry is None:
            why = f"application {key[0]}/{key[1]} does not have deployment with id {body.id}"
            raise Refused(refusal(INVALID, why))
        sync = {"revision": entry["revision"], "source": entry["source"], "prune": body.prune}
        operation = {"sync": sync, "initiatedBy": {"username": USER}}

        def edit(current: Object) -> None:
            if current.get("operation"):
                why = "error setting app operation: another operation is already in progress"
                raise Refused(refusal(PRECONDITION, why))
            current["operation"] = operation

        return JSONResponse(self._applications.change(key, edit))

    def _manifests(self, received: Received) -> Response:
        _, app = self._allowed(received, received.query.get("appNamespace", ""), "get")
        try:
            desired = self._controller.desired(app, revision=received.query.get("revision", ""))
        except FAILURES as error:
            raise Refused(refusal(UNKNOWN, f"error generating manifests: {error}")) from error
        return JSONResponse(
            {
                "manifests": [msgspec.json.encode(one).decode() for one in desired.objects],
                "revision": desired.revision,
                "sourceType": "Directory",
            }
        )

    def _now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))


def _patched(app: Object, body: PatchBody) -> Object:
    try:
        patch: Any = msgspec.json.decode(body.patch)
        if body.patchType == "merge":
            merged: Object = merge(app, patch)
            return merged
        if body.patchType not in ("", "json"):
            raise Refused(refusal(INVALID, f"Patch type '{body.patchType}' is not supported"))
        patched: Object = jsonpatch.JsonPatch(patch).apply(app)
        return patched
    except (msgspec.DecodeError, jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise Refused(refusal(UNKNOWN, f"error applying patch: {error}")) from error


def _body(received: Received) -> Object:
    try:
        found: Object = received.json()
    except msgspec.DecodeError as error:
        raise Refused(_invalid(str(error))) from error
    return {**found, "name": received.parameters["name"]}


def _invalid(why: str) -> JSONResponse:
    return refusal(INVALID, why)
