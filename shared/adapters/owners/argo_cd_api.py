"""What Argo CD's API sends, as far as it is read, and the calls of it that are made.

An application that is not there and one that the account may not see are answered alike (403). A body's
``appNamespace`` names the application's namespace where one is asked for by a body, the query's elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.domain.changes import MARKER
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError

KIND = "Argo CD"

_KNOWS_ENABLED = (3, 1)
_UNDER_WAY = frozenset({"Running", "Terminating"})

T = TypeVar("T")

Automated = dict[str, object]
Project = dict[str, object]
"""A project whole: what is not known here goes back as it came."""

Operation = Mapping[str, object]
"""One operation of a JSON patch."""


class OwnerReference(Struct, frozen=True):
    kind: str
    name: str


class Metadata(Struct, rename="camel", frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []


class SyncPolicy(Struct, frozen=True):
    automated: Automated | None = None


class Spec(Struct, rename="camel", frozen=True):
    project: str = ""
    source: dict[str, object] = {}
    sources: list[dict[str, object]] = []
    sync_policy: SyncPolicy | None = None
    revision_history_limit: int = 10


class Deployment(Struct, frozen=True):
    """An entry of the history, which is the oldest first."""

    id: int = 0
    revision: str = ""
    source: dict[str, object] = {}


class SyncStatus(Struct, frozen=True):
    status: str = ""
    revision: str = ""


class Resource(Struct, frozen=True):
    kind: str
    name: str
    namespace: str = ""
    group: str = ""


class Sync(Struct, frozen=True):
    revision: str = ""


class Asked(Struct, frozen=True):
    sync: Sync | None = None


class OperationState(Struct, frozen=True):
    phase: str = ""
    operation: Asked = Asked()


class Status(Struct, rename="camel", frozen=True):
    sync: SyncStatus = SyncStatus()
    history: list[Deployment] = []
    resources: list[Resource] = []
    operation_state: OperationState | None = None


class Application(Struct, frozen=True):
    metadata: Metadata
    spec: Spec = Spec()
    status: Status = Status()
    operation: Asked | None = None

    @property
    def automated(self) -> Automated | None:
        """The settings of automated sync, whether it is on or not."""
        return self.spec.sync_policy.automated if self.spec.sync_policy is not None else None

    @property
    def running(self) -> bool:
        """Whether automated sync is on."""
        return self.automated is not None and self.automated.get("enabled") is not False

    @property
    def marker(self) -> str:
        """The response that stopped it, where one did."""
        return self.metadata.annotations.get(MARKER, "")

    @property
    def at(self) -> "Address":
        return Address(self.metadata.namespace, self.metadata.name)

    @property
    def under_way(self) -> str | None:
        """The revision that an operation is under way to, None where none is."""
        state, asked = self.status.operation_state, self.operation
        if asked is None and state is not None and state.phase in _UNDER_WAY:
            asked = state.operation
        if asked is None:
            return None
        return asked.sync.revision if asked.sync is not None else ""

    def deployment(self, history_id: str) -> Deployment | None:
        """Return an entry of the history, None when it does not hold it (any more)."""
        return next((one for one in self.status.history if str(one.id) == history_id), None)


class Manifests(Struct, frozen=True):
    """Each manifest is the text of its JSON."""

    manifests: list[str] | None = None


class Version(Struct, frozen=True):
    version: str = msgspec.field(default="", name="Version")


@dataclass(frozen=True)
class Address:
    """Where an application is; without a namespace in Argo CD's own."""

    namespace: str
    name: str

    @classmethod
    def marked(cls, text: str) -> "Address":
        """Read a mark's name of an application: those outside Argo CD's namespace are ``namespace_name``."""
        namespace, _, name = text.rpartition("_")
        return cls(namespace, name)

    @property
    def path(self) -> str:
        return f"/api/v1/applications/{quote(self.name, safe='')}"

    def body(self, **more: object) -> dict[str, object]:
        within = {"appNamespace": self.namespace} if self.namespace else {}
        return {"name": self.name, **within, **more}

    def query(self, **more: str) -> str:
        within = {"appNamespace": self.namespace} if self.namespace else {}
        return f"?{urlencode({**within, **more})}" if within or more else ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class ArgoCdApi:
    """The calls. Each raises TemporaryError, or PermanentError with the right that is lacking."""

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._api = JsonApi(KIND, url, headers=headers, secrets=[token], seconds=seconds)

    def calls(self) -> Calls:
        return self._api.calls()

    def application(self, calls: Calls, at: Address, *, refresh: bool = False) -> Application | None:
        """Return the application, None where it is known to be gone; `refresh` has git looked at first."""
        query = at.query(refresh="normal") if refresh else at.query()
        try:
            return _ask(calls, at, "get", ("GET", f"{at.path}{query}", None), into=Application)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    def manifests(self, calls: Calls, at: Address, revision: str) -> Sequence[str]:
        """Return what the application's present source makes of a revision."""
        path = f"{at.path}/manifests{at.query(revision=revision)}"
        return _ask(calls, at, "get", ("GET", path, None), into=Manifests).manifests or []

    def patch(self, calls: Calls, at: Address, operations: Sequence[Operation]) -> Application:
        """Apply a JSON patch. One whose test fails is answered 500, so as a passing trouble."""
        patch = msgspec.json.encode(operations).decode()
        body = at.body(patch=patch, patchType="json")
        return _ask(calls, at, "update", ("PATCH", at.path, body), into=Application)

    def roll_back(self, calls: Calls, at: Address, history_id: int) -> None:
        """Start an operation that goes back to an entry of the history; it prunes nothing."""
        body = at.body(id=history_id, prune=False)
        _ask(calls, at, "sync", ("POST", f"{at.path}/rollback", body), into=Application)

    def project(self, calls: Calls, name: str) -> Project | None:
        """Return the project as it is written, None where it is known to be gone."""
        try:
            return _ask_project(calls, name, "get", "GET", None)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    def put_project(self, calls: Calls, name: str, project: Project) -> None:
        """Replace the project. One that has changed since it was read is refused (409)."""
        _ask_project(calls, name, "update", "PUT", {"project": project})

    def knows_enabled(self, calls: Calls) -> bool:
        """Return whether automated sync can be off and keep its settings (``enabled``, from 3.1 on)."""
        found = re.match(r"v?(\d+)\.(\d+)", calls.ask("GET", "/api/version", into=Version).version)
        return found is not None and (int(found[1]), int(found[2])) >= _KNOWS_ENABLED


def _ask_project(calls: Calls, name: str, right: str, method: str, body: object) -> Project:
    """Make a call that needs a right on the project."""
    try:
        return calls.ask(method, f"/api/v1/projects/{quote(name, safe='')}", body, into=Project)
    except Refused as refused:
        if refused.status in (401, 403):
            lacks = f"{refused}: its account lacks the right `projects, {right}` on {name}"
            raise PermanentError(lacks, reason=Reason.FORBIDDEN) from refused
        raise


def _ask(calls: Calls, at: Address, right: str, call: tuple[str, str, object], *, into: type[T]) -> T:
    """Make a call (method, path, body) that needs a right on the application."""
    method, path, body = call
    try:
        return calls.ask(method, path, body, into=into)
    except Refused as refused:
        if refused.status == 401:
            text = f"{refused}: renew owners.argo_cd.token"
            raise PermanentError(text, reason=Reason.FORBIDDEN) from refused
        if refused.status == 403:
            raise PermanentError(_lacking(at, right), reason=Reason.FORBIDDEN) from refused
        if refused.status == 400:
            # An operation that is under way, a repository that cannot be reached: both pass.
            raise TemporaryError(str(refused), reason=Reason.INTERNAL) from refused
        raise


def _lacking(at: Address, right: str) -> str:
    right_of = f"its account lacks the right `applications, {right}` on it"
    if right == "get":
        return f"{KIND} shows no application {at}: there is none, or {right_of}"
    return f"{KIND} does not {right} the application {at}: {right_of}"
