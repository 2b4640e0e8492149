"""The application controller: compares what git says with what is live, and syncs."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from sandbox.argocd import manifests
from sandbox.argocd.applications import Applications, Key, automated
from sandbox.argocd.destinations import Destination
from sandbox.argocd.manifests import APPLICATIONS, TRACKING, Object, Ref, instance_name
from sandbox.git import GitFailed, Repository

HISTORY_LIMIT = 10
FAILURES = (httpx.HTTPError, GitFailed, ValueError)
_WORST_FIRST = ("Missing", "Degraded", "Progressing", "Healthy")


@dataclass(frozen=True)
class Desired:
    """What git says at a commit."""

    revision: str
    objects: list[Object]


class Controller:
    """Reconciles one application at a time.

    `repositories` says where on disk the repositories of a source's URL are; others are found by their
    ``file://`` URL. While `holding`, operations begin and do not end, as one does that waits for a hook.
    """

    def __init__(
        self,
        applications: Applications,
        cluster: Destination,
        *,
        repositories: Mapping[str, Path],
        now: Callable[[], str],
    ) -> None:
        self.holding = False
        self.generated: dict[Key, Object] = {}
        self._applications = applications
        self._cluster = cluster
        self._repositories = repositories
        self._now = now
        self._lock = threading.Lock()

    def reconcile_all(self) -> None:
        for key in self._applications.keys():  # noqa: SIM118 a snapshot, not a mapping
            self.reconcile(key)

    def reconcile(self, key: Key) -> None:
        """Carry out the operation that is asked for, compare, and sync where that is automated."""
        with self._lock:
            self._regenerate(key)
            app = self._applications.get(key)
            if app is None:
                return
            if app.get("operation"):
                self._operate(key, app)
            if self._compared(key) and self._automatic(key):
                app = self._applications.get(key)
                if app is not None:
                    self._operate(key, app)
                    self._compared(key)

    def desired(self, app: Object, *, source: Object | None = None, revision: str = "") -> Desired:
        """Return the manifests of an application's source, at its target revision unless another is named."""
        source = source or app["spec"]["source"]
        repository = self._repository(source["repoURL"])
        named = revision or source.get("targetRevision") or "HEAD"
        commit = repository.sha(named)
        if commit is None:
            raise GitFailed(f"unable to resolve '{named}' to a commit SHA")
        found = repository.files(commit, source.get("path", ""))
        objects = manifests.read(
            {name: text for name, text in found.items() if "/" not in name},
            namespace=app["spec"]["destination"].get("namespace", "default"),
            application=instance_name(app["metadata"]["namespace"], app["metadata"]["name"]),
        )
        return Desired(commit, objects)

    def _repository(self, url: str) -> Repository:
        if url in self._repositories:
            return Repository(self._repositories[url])
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise GitFailed(f"repository not accessible: {url}")
        return Repository(Path(parts.path))

    def _destination(self, ref: Ref) -> Destination:
        return self._applications if (ref.api_version, ref.kind) == APPLICATIONS else self._cluster

    def _regenerate(self, key: Key) -> None:
        """Put back what an ApplicationSet generates, as its controller does."""
        template = self.generated.get(key)
        if template is None:
            return

        def edit(app: Object) -> None:
            app["spec"] = copy.deepcopy(template["spec"])
            app["metadata"]["annotations"] = dict(template["metadata"].get("annotations", {}))

        self._applications.change(key, edit)

    # comparing

    def _compared(self, key: Key) -> bool:
        """Compare and note it; return whether that went well."""
        app = self._applications.get(key)
        if app is None:
            return False
        try:
            status = self._comparison(app)
        except FAILURES as error:
            failed = {"type": "ComparisonError", "message": str(error)}
            self._note(key, {"conditions": [failed], "sync": {**_sync_of(app), "status": "Unknown"}})
            return False
        self._note(key, {**status, "conditions": []})
        return True

    def _comparison(self, app: Object) -> Object:
        desired = self.desired(app)
        resources = [self._resource(obj) for obj in desired.objects]
        resources += self._leftovers(app, {Ref.of(obj) for obj in desired.objects})
        synced = all(one["status"] == "Synced" for one in resources)
        healths = [one["health"]["status"] for one in resources]
        return {
            "sync": {
                "status": "Synced" if synced else "OutOfSync",
                "revision": desired.revision,
                "comparedTo": {"source": app["spec"]["source"], "destination": app["spec"]["destination"]},
            },
            "resources": resources,
            "health": {"status": next((one for one in _WORST_FIRST if one in healths), "Healthy")},
        }

    def _resource(self, obj: Object) -> Object:
        ref = Ref.of(obj)
        destination = self._destination(ref)
        live = destination.find(ref)
        same = live is not None and (
            manifests.comparable(live)
            == manifests.comparable(destination.patch(ref, manifests.patch_to(obj, live), dry_run=True))
        )
        return {**_shown(ref), "status": "Synced" if same else "OutOfSync", "health": _health(live)}

    def _leftovers(self, app: Object, wanted: set[Ref]) -> list[Object]:
        """Return what was the application's, is not wanted any more, and is still there."""
        mine = instance_name(app["metadata"]["namespace"], app["metadata"]["name"])
        found = []
        for one in app["status"].get("resources", []):
            ref = _ref(one)
            live = self._destination(ref).find(ref) if ref not in wanted else None
            if live and (live["metadata"].get("annotations") or {}).get(TRACKING) == ref.tracked_by(mine):
                found.append(
                    {**_shown(ref), "status": "OutOfSync", "requiresPruning": True, "health": _health(live)}
                )
        return found

    def _note(self, key: Key, status: Object) -> None:
        def edit(app: Object) -> None:
            before = copy.deepcopy(app["status"])
            app["status"] |= status
            if app["status"] != before:
                app["status"]["reconciledAt"] = self._now()

        self._applications.change(key, edit)

    # syncing

    def _automatic(self, key: Key) -> bool:
        """Ask for an operation if automated sync calls for one; return whether it does.

        A commit is tried once: drift from one that was synced is for self-heal, which syncs what drifted.
        """
        app = self._applications.get(key)
        policy = automated(app) if app else None
        if app is None or policy is None or app.get("operation"):
            return False
        drifted = [one for one in app["status"]["resources"] if one["status"] != "Synced"]
        if not policy.get("prune"):
            drifted = [one for one in drifted if not one.get("requiresPruning")]
        if not drifted:
            return False
        tip, last = app["status"]["sync"]["revision"], app["status"].get("operationState", {})
        operation: Object = {"revision": tip, "prune": policy.get("prune", False)}
        if last.get("syncResult", {}).get("revision") == tip:
            if not policy.get("selfHeal") or last["phase"] != "Succeeded":
                return False
            operation["resources"] = [
                {key: one[key] for key in ("group", "kind", "namespace", "name")} for one in drifted
            ]
        asked = {"sync": operation, "initiatedBy": {"automated": True}}
        self._applications.change(key, lambda current: current.update(operation=asked))
        return True

    def _operate(self, key: Key, app: Object) -> None:
        operation, state = app["operation"], app["status"].get("operationState", {})
        if state.get("phase") != "Running":
            state = {"operation": operation, "phase": "Running", "startedAt": self._now()}
            self._note(key, {"operationState": state})
        if self.holding:
            return
        sync = operation["sync"]
        source = sync.get("source") or app["spec"]["source"]
        result: Object = {"revision": sync["revision"], "source": source}
        try:
            desired = self.desired(app, source=source, revision=sync["revision"])
            result["revision"] = desired.revision
            self._apply(app, desired, sync)
            phase, message = "Succeeded", "successfully synced (all tasks run)"
        except FAILURES as error:
            phase, message = "Failed", str(error)
        done = {**state, "phase": phase, "message": message, "finishedAt": self._now(), "syncResult": result}

        def edit(current: Object) -> None:
            current.pop("operation", None)
            current["status"]["operationState"] = done
            if phase == "Succeeded" and not sync.get("resources"):
                _record(current, done)

        self._applications.change(key, edit)

    def _apply(self, app: Object, desired: Desired, sync: Object) -> None:
        only = {(one["kind"], one["namespace"], one["name"]) for one in sync.get("resources") or []}
        for obj in desired.objects:
            ref = Ref.of(obj)
            if not only or (ref.kind, ref.namespace, ref.name) in only:
                self._put(ref, obj)
        if sync.get("prune"):
            for one in self._leftovers(app, {Ref.of(obj) for obj in desired.objects}):
                self._destination(_ref(one)).delete(_ref(one))

    def _put(self, ref: Ref, obj: Object) -> None:
        destination = self._destination(ref)
        live = destination.find(ref)
        if live is None:
            destination.create(manifests.recording(obj, obj))
        else:
            destination.patch(ref, manifests.recording(manifests.patch_to(obj, live), obj))


def _record(app: Object, state: Object) -> None:
    """Add a deployment to the application's history, which keeps the newest ones."""
    history = app["status"].get("history", [])
    entry = {
        "id": history[-1]["id"] + 1 if history else 0,
        "revision": state["syncResult"]["revision"],
        "source": state["syncResult"]["source"],
        "deployStartedAt": state["startedAt"],
        "deployedAt": state["finishedAt"],
        "initiatedBy": state["operation"].get("initiatedBy", {}),
    }
    limit = app["spec"].get("revisionHistoryLimit", HISTORY_LIMIT)
    app["status"]["history"] = [*history, entry][-limit:]


def _shown(ref: Ref) -> Object:
    return {
        "group": ref.group,
        "version": ref.version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
    }


def _ref(resource: Object) -> Ref:
    group, version = resource["group"], resource["version"]
    api_version = f"{group}/{version}" if group else version
    return Ref(api_version, resource["kind"], resource["namespace"], resource["name"])


def _health(live: Object | None) -> Object:
    return {"status": manifests.health(live)}


def _sync_of(app: Object) -> Object:
    found: Object = app["status"].get("sync", {})
    return found
