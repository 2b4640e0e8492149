"""Argo CD: stops an application's automated sync, has it roll back by its own history, starts it again.

All of it goes through Argo CD's API. Its patch takes spec and annotations over whatever the resource version
is, so each change is a JSON patch that tests that version first: the one read a moment before, since every
note of the controller's moves it.
"""

from collections.abc import Callable, Sequence

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls
from shared.adapters.kubernetes.owners import ARGO_LABEL, ARGO_PREFIX, ARGO_TRACKING
from shared.adapters.owners import argo_cd_history as history
from shared.adapters.owners.argo_cd_api import (
    KIND,
    Address,
    Application,
    ArgoCdApi,
    Automated,
    Operation,
)
from shared.domain.changes import (
    MARKER,
    Applied,
    OwnerChange,
    ResumeOwner,
    RollBackByOwner,
    StopOwner,
)
from shared.domain.owners import Ownership, Source, Suspension, Target
from shared.domain.reasons import Reason
from shared.domain.workloads import Revision, Workload, WorkloadRef
from shared.errors import PermanentError, TemporaryError
from shared.wire import decoder

_ATTEMPTS = 3
_WORKLOADS = {
    ("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("argoproj.io", "Rollout"),
}  # fmt: skip
_AUTOMATED = "/spec/syncPolicy/automated"
_MARK = f"/metadata/annotations/{MARKER.replace('/', '~1')}"


class ArgoCd:
    """The applications of one Argo CD; `cluster` is this installation's name of where they deploy to."""

    def __init__(self, url: str, token: str, *, cluster: str, seconds: float = TELL_SECONDS) -> None:
        self._api = ArgoCdApi(url, token, seconds=seconds)
        self._cluster = cluster

    def look(self, workload: Workload) -> Ownership | None:
        owner = workload.owner
        if owner is None or owner.kind != KIND:
            return None
        at = Address(owner.namespace, owner.name)
        calls = self._api.calls()
        app = self._api.application(calls, at)
        if app is None:
            return Ownership(KIND, at.namespace, at.name)
        running = app.running
        obstacle, note = _own_obstacle(app), ""
        if running and not obstacle:
            obstacle, note = self._starts_again(calls, app)
        return Ownership(
            KIND,
            app.metadata.namespace or at.namespace,
            app.metadata.name or at.name,
            obstacle=obstacle,
            running=running,
            stopped_by="" if running else app.marker,
            version=app.metadata.resource_version,
            before=_text(app.automated) if running else "",
            by_owner=True,
            note=note,
            companions=self._companions(app, workload.ref),
            source=_source(app),
        )

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        calls = self._api.calls()
        app = self._api.application(calls, Address(ownership.namespace, ownership.name))
        if app is None:
            return None
        trouble: TemporaryError | None = None
        for entry in history.candidates(app):
            try:
                manifests = self._api.manifests(calls, app.at, entry.revision)
            except TemporaryError as error:
                # Of this commit perhaps only: one that is gone from its repository is answered so, too.
                trouble = trouble or error
                continue
            if history.images(manifests, workload.ref) == dict(to.images):
                told = f"history {entry.id} ({entry.revision[:7]})"
                newest = app.status.history[-1]
                return Target(str(entry.id), seen=str(newest.id), told=told, commit=entry.revision)
        if trouble is not None:
            raise trouble
        return None

    def apply(self, change: OwnerChange) -> Applied:
        at = Address(change.namespace, change.name)
        match change:
            case StopOwner():
                return self._stop(at, change)
            case RollBackByOwner():
                return self._roll_back(at, change)
            case ResumeOwner():
                return self._resume(at, change)

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        """Have git looked at, and return whether the application is synced with what it says.

        On a busy branch the revert is not the tip for long: a tip that was never deployed came after it. An
        application that is gone has nothing to start.
        """
        at = Address(suspension.namespace, suspension.name)
        app = self._api.application(self._api.calls(), at, refresh=True)
        if app is None:
            return True
        tip = app.status.sync.revision
        deployed = {entry.revision for entry in app.status.history}
        holds = not commit or tip.startswith(commit) or tip not in deployed
        return app.status.sync.status == "Synced" and holds

    # changes

    def _stop(self, at: Address, change: StopOwner) -> Applied:
        calls = self._api.calls()
        keeping = self._api.knows_enabled(calls)

        def decide(app: Application) -> Applied | Sequence[Operation]:
            if not app.running:
                return Applied.ALREADY if app.marker == change.response_id else Applied.MOVED
            if _text(app.automated) != change.before:
                return Applied.MOVED
            off = (
                {"op": "add", "path": f"{_AUTOMATED}/enabled", "value": False}
                if keeping
                else {"op": "remove", "path": _AUTOMATED}
            )
            return [off, *_marked(app, change.response_id)]

        return self._changed(calls, at, decide, running=False)

    def _resume(self, at: Address, change: ResumeOwner) -> Applied:
        calls = self._api.calls()
        before = decoder(Automated).decode(change.before)
        stopped = {**before, "enabled": False} if self._api.knows_enabled(calls) else None

        def decide(app: Application) -> Applied | Sequence[Operation]:
            if app.marker != change.response_id:
                return Applied.ALREADY if app.automated == before else Applied.MOVED
            if app.automated not in (stopped, before):
                return Applied.MOVED
            return [*_automated(app, before), {"op": "remove", "path": _MARK}]

        return self._changed(calls, at, decide, running=True)

    def _changed(
        self,
        calls: Calls,
        at: Address,
        decide: Callable[[Application], Applied | Sequence[Operation]],
        *,
        running: bool,
        attempts: int = _ATTEMPTS,
    ) -> Applied:
        """Read, decide and patch; what came of a patch that was not answered well only reading tells."""
        app = self._api.application(calls, at)
        if app is None:
            return Applied.MOVED
        decided = decide(app)
        if isinstance(decided, Applied):
            return decided
        unmoved = {"op": "test", "path": "/metadata/resourceVersion", "value": app.metadata.resource_version}
        try:
            after = self._api.patch(calls, at, [unmoved, *decided])
        except TemporaryError:
            if attempts == 1:
                raise
            return self._changed(calls, at, decide, running=running, attempts=attempts - 1)
        if after.running is not running:
            raise PermanentError(
                f"{KIND} took the change of the application {at} and left automated sync "
                f"{'off' if running else 'on'}",
                reason=Reason.MANAGED_BY_OWNER,
            )
        return Applied.CHANGED

    def _roll_back(self, at: Address, change: RollBackByOwner) -> Applied:
        """Start the rollback: Argo CD carries it out in its own time; the history holds what succeeded."""
        calls = self._api.calls()
        app = self._api.application(calls, at)
        deployed = app.status.history if app is not None else []
        if app is None or not deployed:
            return Applied.MOVED
        target = app.deployment(change.target)
        if str(deployed[-1].id) != change.seen:
            done = target is not None and deployed[-1].revision == target.revision
            return Applied.ALREADY if done else Applied.MOVED
        if target is None or app.running:
            return Applied.MOVED
        if app.under_way is not None:
            if app.under_way == target.revision:
                return Applied.ALREADY
            raise TemporaryError(
                f"{KIND}: another operation of the application {at} is under way", reason=Reason.INTERNAL
            )
        self._api.roll_back(calls, at, target.id)
        return Applied.CHANGED

    # looking

    def _starts_again(self, calls: Calls, app: Application) -> tuple[str, str]:
        """Say who would start automated sync again as soon as it is stopped, and who would later on.

        A parent application puts back only what its repository names: not ``enabled``, unless that stands
        there, but all of ``automated`` where that has to go.
        """
        again = f"the application {app.at} and would start its automated sync again"
        for reference in app.metadata.owner_references:
            if reference.kind == "ApplicationSet":
                return f"the ApplicationSet {reference.name} makes {again}", ""
        marked, sure = _parent(app)
        if not marked or ("enabled" not in (app.automated or {}) and self._api.knows_enabled(calls)):
            return "", ""
        parent = Address.marked(marked)
        try:
            found = self._api.application(calls, parent)
        except PermanentError:
            unseen = f"the application {parent}, which Backout may not see, makes {again}"
            return (unseen, "") if sure else ("", "")
        if found is None or not found.running:
            return "", ""
        if (found.automated or {}).get("selfHeal"):
            return f"the application {parent} heals {again}", ""
        return "", f"the next sync of the application {parent} starts the automated sync of {app.at} again"

    def _companions(self, app: Application, mine: WorkloadRef) -> tuple[WorkloadRef, ...]:
        found = (
            WorkloadRef(self._cluster, one.namespace, one.kind.lower(), one.name)
            for one in app.status.resources
            if (one.group, one.kind) in _WORKLOADS
        )
        return tuple(ref for ref in found if str(ref) != str(mine))


def _own_obstacle(app: Application) -> str:
    """Say why the application itself cannot be rolled back, if so."""
    deployments = len(app.status.history)
    if app.metadata.deletion_timestamp is not None:
        return f"the application {app.at} is being deleted"
    if app.spec.sources:
        return f"the application {app.at} has several sources, and Backout rolls back those with one"
    if deployments < 2:
        return f"the history of the application {app.at} holds nothing to go back to ({deployments} of 2)"
    return ""


def _parent(app: Application) -> tuple[str, bool]:
    """Return the application that marks this one as its own, and whether the mark is beyond doubt."""
    metadata = app.metadata
    tracked, _, what = metadata.annotations.get(ARGO_TRACKING, "").partition(":")
    if tracked and what == f"argoproj.io/Application:{metadata.namespace}/{metadata.name}":
        return tracked, True
    others = any(key.startswith(ARGO_PREFIX) and key != ARGO_TRACKING for key in metadata.annotations)
    labelled = metadata.labels.get(ARGO_LABEL, "") if others else ""
    return (labelled, False) if labelled != metadata.name else ("", False)


def _source(app: Application) -> Source:
    """Return where the manifests come from; a chart of a Helm repository comes from no commit."""
    source, history = app.spec.source, app.status.history
    if source.get("chart") or app.spec.sources:
        return Source()
    commit = history[-1].revision if history else app.status.sync.revision
    return Source(str(source.get("repoURL", "")), str(source.get("targetRevision", "")), commit)


def _text(automated: Automated | None) -> str:
    return msgspec.json.encode(automated, order="sorted").decode()


def _marked(app: Application, response_id: str) -> Sequence[Operation]:
    if app.metadata.annotations:
        return [{"op": "add", "path": _MARK, "value": response_id}]
    return [{"op": "add", "path": "/metadata/annotations", "value": {MARKER: response_id}}]


def _automated(app: Application, before: Automated) -> Sequence[Operation]:
    if app.spec.sync_policy is not None:
        return [{"op": "add", "path": _AUTOMATED, "value": before}]
    return [{"op": "add", "path": "/spec/syncPolicy", "value": {"automated": before}}]
