"""Deploy gates at Argo CD: a sync window that denies applications their automated sync.

A project takes no two windows of the same kind, schedule and duration, so there is one of ours for all of its
applications that are closed. It begins anew each minute and lasts longer, which is always. Manual syncs it
lets through: one of them is Backout's own next rollback by Argo CD, which nothing may hold up.
"""

from collections.abc import Sequence

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, Refused
from shared.adapters.owners.argo_cd_api import KIND, Address, ArgoCdApi, Project
from shared.domain.changes import Applied
from shared.domain.reasons import Reason
from shared.domain.services import Service
from shared.errors import PermanentError, TemporaryError
from shared.ports import Workloads
from shared.wire import convert

_ATTEMPTS = 3
_OURS = {"kind": "deny", "schedule": "* * * * *", "duration": "61m"}
_DESCRIPTION = "Backout: a rollback keeps the gate of these applications closed; `backout ungate` opens it"
_MARK = "Backout"

Window = dict[str, object]


class _Spec(msgspec.Struct, rename="camel"):
    sync_windows: list[Window] | None = None


class _Read(msgspec.Struct):
    spec: _Spec = msgspec.field(default_factory=_Spec)


class ArgoCdWindows:
    """The windows of one Argo CD. A place is ``project/application``, that which deploys the workload."""

    def __init__(self, url: str, token: str, workloads: Workloads, *, seconds: float = TELL_SECONDS) -> None:
        self._api = ArgoCdApi(url, token, seconds=seconds)
        self._workloads = workloads

    def place(self, service: Service) -> str:
        workload = self._workloads.read(service.workload)
        owner = workload.owner if workload is not None else None
        if owner is None or owner.kind != KIND:
            return ""
        app = self._api.application(self._api.calls(), Address(owner.namespace, owner.name))
        return f"{app.spec.project}/{app.metadata.name}" if app is not None else ""

    def apply(self, place: str, *, closed: bool, why: str = "") -> Applied:
        project, _, app = place.partition("/")
        calls = self._api.calls()
        for _ in range(_ATTEMPTS):
            read = self._api.project(calls, project)
            if read is None:
                return _gone(project, closed=closed)
            before = convert(_Read, read).spec.sync_windows or []
            after = _changed(before, app, closed=closed)
            if after == before:
                return Applied.ALREADY
            if self._put(calls, project, read, after):
                return Applied.CHANGED
        raise TemporaryError(f"{KIND}: the project {project} keeps changing", reason=Reason.INTERNAL)

    def _put(self, calls: Calls, name: str, read: Project, windows: Sequence[Window]) -> bool:
        """Replace the windows; the resource version that goes along makes it a compare-and-swap."""
        spec = {**convert(dict[str, object], read.get("spec") or {}), "syncWindows": list(windows)}
        try:
            self._api.put_project(calls, name, {**read, "spec": spec})
        except Refused as refused:
            if refused.status != 409:
                raise
            return False
        return True


def _gone(project: str, *, closed: bool) -> Applied:
    if closed:
        raise PermanentError(f"{KIND} has no project {project}", reason=Reason.NOT_FOUND)
    return Applied.ALREADY


def _changed(windows: Sequence[Window], app: str, *, closed: bool) -> list[Window]:
    """Return the windows with the application in ours, or out of it; ours goes with its last one."""
    ours = next((window for window in windows if _is_ours(window)), None)
    if ours is None:
        made: Window = {**_OURS, "applications": [app], "manualSync": True, "description": _DESCRIPTION}
        return [*windows, made] if closed else list(windows)
    named = convert(list[str], ours.get("applications") or [])
    kept = [name for name in named if name != app]
    after = named if closed and app in named else [*kept, *([app] if closed else [])]
    return [
        {**window, "applications": after} if window is ours else window
        for window in windows
        if window is not ours or after
    ]


def _is_ours(window: Window) -> bool:
    """Return whether it is our window; older servers keep no description, there the rest must do."""
    described = str(window.get("description") or _MARK)
    same = all(window.get(key) == value for key, value in _OURS.items())
    return same and described.startswith(_MARK) and not (window.get("namespaces") or window.get("clusters"))
