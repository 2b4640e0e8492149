"""What the rest needs of the outside: small Protocols, each with the rules its implementations keep.

Every implementation, the test doubles too, passes the contract suite of its port (``tests/contract``).
Calls are synchronous and bounded: an implementation ends each call, its own retries included, within
`CALL_SECONDS`, and raises the project's errors only (`shared.errors`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from shared.domain.changes import (
    Applied,
    ClusterChange,
    FlushCache,
    OwnerChange,
    RestoreDatabase,
    RevertCommit,
    RunJob,
    SetFlag,
)
from shared.domain.clearing import StandingAlert
from shared.domain.complaints import Listened
from shared.domain.logs import PodLog
from shared.domain.meetings import Invitation
from shared.domain.metrics import Measure
from shared.domain.owners import Ownership, Reverted, Revertible, Suspension, Target
from shared.domain.records import Delivery, Freezes, Storm, WorkloadRecord
from shared.domain.response import Event, Response, Task
from shared.domain.services import Service
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import Pod, Revision, Workload, WorkloadRef

CALL_SECONDS = 15.0
"""The longest that one call to the outside may take, retries included. Far below a lease."""


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...


class Workloads(Protocol):
    """The cluster: reads a workload and makes changes to it by compare-and-swap."""

    def read(self, ref: WorkloadRef, *, usage: bool = False, events: bool = False) -> Workload | None:
        """Return one look at the workload, or None when the cluster has none such.

        `usage` also asks for the pods' CPU and memory, `events` for the newest warning of each. Raises
        TemporaryError when the cluster cannot be reached, PermanentError when it refuses.
        """
        ...

    def apply(self, change: ClusterChange) -> Applied:
        """Make the change once, if the world is still as the change says.

        First reads back whether it has been done (`ALREADY`). A world that moved changes nothing (`MOVED`).
        After a time-out nobody knows: TemporaryError, and the caller reads again before anything else.
        """
        ...


class Owners(Protocol):
    """Those that manage workloads besides us: stops them, has them roll back, starts them again.

    Every call raises TemporaryError when the owner cannot be reached or is busy, PermanentError when it
    refuses (with `Reason.MANAGED_BY_OWNER` where it is the owner's word that no rollback lasts).
    """

    def look(self, workload: Workload) -> Ownership | None:
        """Return one look at the owner that `workload.owner` names; None where this port knows no such kind.

        An owner that is gone (its marks are left on the workload) is neither running nor an obstacle.
        """
        ...

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        """Return what the owner can go back to that brings the revision `to`, None when it has nothing.

        Only asked where the rollback is made `by_owner`.
        """
        ...

    def apply(self, change: OwnerChange) -> Applied:
        """Make the change once, if the owner is still as the change says.

        First reads back whether it has been done (`ALREADY`). An owner that someone else changed meanwhile,
        or that is gone, is left alone (`MOVED`).
        """
        ...

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        """Return whether starting it again would change nothing that runs.

        `commit` is the revert in git, where there is one: what the owner would sync to must hold it.
        """
        ...


class Repositories(Protocol):
    """Git repositories, by a host's API: undoes a commit without a git program.

    Raises TemporaryError when the host cannot be reached or says to come back, PermanentError when it refuses
    (a protected branch, a missing right, a conflict), each in words.
    """

    def look(
        self, repository: str, branch: str, commit: str, *, no_later_than: datetime | None = None
    ) -> Revertible:
        """Say how `commit` can be undone on `branch` of ``owner/name``; `commit` may be abbreviated.

        One that is younger than `no_later_than` is an obstacle: it did not bring what is to be undone.
        """
        ...

    def apply(self, change: RevertCommit) -> Applied:
        """Undo the commit once. `ALREADY` when this response has; `MOVED` when the branch's tip moved."""
        ...

    def reverted(self, change: RevertCommit) -> Reverted | None:
        """Return the revert that this change made, None when there is none (any more)."""
        ...


class JobPhase(StrEnum):
    """How far a Job is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class JobRun:
    """A Job: how far it is, why it failed where it did, and the tail of its log (at most 4 KiB)."""

    phase: JobPhase
    detail: str = ""
    log: str = ""


class Jobs(Protocol):
    """Runs Jobs in the cluster from templates that it holds."""

    def apply(self, change: RunJob) -> Applied:
        """Start the Job once; `ALREADY` when this response has.

        Raises PermanentError for a template that is missing (`Reason.NOT_FOUND`), a right that lacks, and a
        Job of that name that is another's.
        """
        ...

    def look(self, namespace: str, name: str) -> JobRun | None:
        """Return how the Job stands, None when there is none such."""
        ...


@dataclass(frozen=True)
class DatabaseRestore:
    """A restored instance: its status in the vendor's words, and its endpoint once it has one."""

    status: str
    available: bool = False
    failed: bool = False
    endpoint: str = ""


class Databases(Protocol):
    """Restores databases to a point in time, always into a new instance."""

    def latest(self, instance: str) -> datetime:
        """Return the latest time that the instance can be restored to.

        Raises PermanentError where it cannot be restored.
        """
        ...

    def apply(self, change: RestoreDatabase) -> Applied:
        """Begin the restore once; `ALREADY` when there is the instance that this response asked for."""
        ...

    def look(self, instance: str) -> DatabaseRestore | None:
        """Return how the new instance stands, None when there is none such."""
        ...


class Caches(Protocol):
    """Flushes caches, each known by its name in the configuration."""

    def apply(self, change: FlushCache) -> Applied:
        """Flush once; `ALREADY` when this response has. Raises TemporaryError and PermanentError."""
        ...


class Flags(Protocol):
    """Switches feature flags, in the one environment of the one vendor that is configured.

    Raises TemporaryError when the vendor cannot be reached, PermanentError when it refuses: a flag that it
    has not (`Reason.NOT_FOUND`), a right that lacks and a change that people must approve there first
    (`Reason.FORBIDDEN`).
    """

    def look(self, flag: str) -> bool:
        """Return whether the flag is on: whether anybody may get what it hides."""
        ...

    def apply(self, change: SetFlag) -> Applied:
        """Switch the flag once; `ALREADY` when it is so, whoever made it so."""
        ...


class Meetings(Protocol):
    """Invites people to a meeting, moves it and cancels it, as the invitation says."""

    def send(self, invitation: Invitation) -> Sequence[str]:
        """Send the invitation; return the attendees that were refused while others were taken.

        Sent twice it is one event in every calendar, and an older one changes nothing of a newer. Raises
        TemporaryError, after which nobody knows whether it went out, and PermanentError for a refusal.
        """
        ...


@dataclass(frozen=True)
class Section:
    """A part of a template: its heading, what names it besides, and what stands in it unless it is filled.

    `options` are what it may be filled with; empty: with anything.
    """

    label: str
    id: str = ""
    text: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A repository's own template of issues; `title` is what titles begin with."""

    title: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class NewIssue:
    """An issue that is to be there. `key` is what it is known again by, and stands hidden in it.

    None that was made before `since` can be it. Who cannot be an assignee is left out rather than the issue.
    """

    repository: str
    key: str
    since: datetime
    title: str
    body: str
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True)
class Issue:
    """An issue as it is: `reference` is ``owner/repository#number``."""

    reference: str
    url: str
    body: str = ""
    open: bool = True


class Tracker(Protocol):
    """Issues, in repositories named ``owner/name``.

    Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
    """

    def template(self, repository: str, path: str) -> Template | None:
        """Return the template at that path of the default branch, None where no such can be read."""
        ...

    def file(self, issue: NewIssue) -> Issue:
        """Make the issue once; return it, also where it had been made before. A body is cut to what fits."""
        ...

    def look(self, reference: str) -> Issue | None:
        """Return an issue as it is now, None when it was deleted.

        Raises PermanentError for one that may not be seen: nobody knows how that stands.
        """
        ...


class Shelf(Protocol):
    """Keeps files for people to read."""

    def put(self, name: str, text: str) -> str:
        """Have the file hold that text, whole or not at all; return where it is. Raises TemporaryError."""
        ...


class Barrier(Protocol):
    """What keeps a service from being deployed in one system while its gate is closed: a status, a window.

    Raises TemporaryError when the system cannot be reached, PermanentError when it refuses.
    """

    def place(self, service: Service) -> str:
        """Return what is closed for the service, in words; empty where this system does not deploy it.

        Services with the same place have it in common: it is open only where all their gates are.
        """
        ...

    def apply(self, place: str, *, closed: bool, why: str = "") -> Applied:
        """Close or open the place once; `ALREADY` when it is so. Nobody else's doing is touched."""
        ...


@dataclass(frozen=True)
class Asked:
    """A deployment of a run that waits for our verdict on an environment of a repository (``owner/name``)."""

    repository: str
    run_id: int
    environment: str


class Deployments(Protocol):
    """The deployments of a host of repositories that wait for a verdict. Raises as `Repositories` does."""

    def answer(self, asked: Asked, *, approved: bool, comment: str, again: bool = False) -> Applied:
        """Give the verdict. `again` says that it may have been given: `ALREADY` when nothing waits for it."""
        ...


class Reviews(Protocol):
    """Reviews of pull requests. Raises as `Repositories` does."""

    def approver(self, repository: str, number: int) -> str:
        """Return who, of those who belong there, has approved a pull request and stands by it, else empty."""
        ...


@dataclass(frozen=True)
class Measured:
    """Readings of one moment. `windows` are the seconds that each reading looks back over."""

    readings: Mapping[Signal, Reading]
    traffic_per_minute: Reading
    windows: Mapping[Signal, float] = field(default_factory=dict)

    @property
    def longest_window(self) -> float:
        """The longest time that a reading looks back over, in seconds."""
        return max(self.windows.values(), default=0.0)


class Signals(Protocol):
    """The signal source: measures a service now or at a time in the past."""

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        """Measure the wanted signals that can be queried, all at once.

        `p95_before` (seconds) is what `latency_regression` is computed against; without it that signal is
        unknown. A source that is away, slow, or answers nonsense gives unknown readings, never an error.
        Idle is applied (`min_requests_per_minute`).
        """
        ...


@dataclass(frozen=True)
class HealthCheck:
    """What one health endpoint answered."""

    url: str
    ok: bool
    detail: str


class Health(Protocol):
    """Asks a service's health endpoints."""

    def check(self, urls: Sequence[str]) -> Sequence[HealthCheck]:
        """Ask every endpoint once, side by side; one that cannot be reached is not ok."""
        ...


class Logs(Protocol):
    """The logs of a workload's pods."""

    def read(self, ref: WorkloadRef, pods: Sequence[Pod], *, since: datetime) -> Sequence[PodLog]:
        """Return what the containers of these pods have written since then, each bounded.

        A container that has not begun, or a pod that is gone, has none. Raises TemporaryError when the
        cluster cannot be reached, PermanentError when it refuses.
        """
        ...


class Alerts(Protocol):
    """The alerting system: which alerts fire."""

    def firing(self, filters: Sequence[Mapping[str, str]]) -> Sequence[StandingAlert]:
        """Return each alert that fires and has all labels of one of the filters, suppressed ones too, once.

        Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
        """
        ...


class Complaints(Protocol):
    """A place where it is heard that a service is in trouble: a support channel, the incidents of a pager."""

    def listen(self, service: Service, *, since: datetime) -> Listened | None:
        """Return what was said there of the service since then; None where it has no such place.

        Raises TemporaryError when it cannot be reached, PermanentError when it refuses.
        """
        ...


@dataclass(frozen=True)
class Lease:
    """Who may write a response, and until when. `owner` is None when nobody works on it."""

    owner: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class State:
    """A response as it is stored: the record, its version, its lease, when it is due, the last event."""

    response: Response
    version: int
    lease: Lease
    due_at: datetime | None
    last_event: int
    commit_id: str


T = TypeVar("T")


@dataclass(frozen=True)
class Versioned(Generic[T]):
    """A record with the version it was read at; version 0 means that there was none."""

    value: T
    version: int


@dataclass(frozen=True)
class View:
    """What one consistent batched read brought. What was not asked for is not in it."""

    states: Mapping[str, State] = field(default_factory=dict)
    workloads: Mapping[WorkloadRef, Versioned[WorkloadRecord]] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], Delivery] = field(default_factory=dict)
    freezes: Versioned[Freezes] = Versioned(Freezes(), 0)
    storm: Versioned[Storm] = Versioned(Storm(), 0)


@dataclass(frozen=True)
class Commit:
    """One transition, stored whole or not at all.

    `state` is the record after; it is stored if the stored version is `version_before` (0: there is none)
    and the stored owner is `owner_before`. The workloads' and storm records are stored if their stored
    version is the one they carry; `freezes_version` only tests. Events and new tasks must not exist yet.
    `claims` are records of further workloads that the response claims or lets go of. A commit that is sent
    twice is stored once: `state.commit_id` names it.
    """

    state: State
    version_before: int
    owner_before: str | None
    events: tuple[Event, ...] = ()
    workload: Versioned[WorkloadRecord] | None = None
    claims: tuple[Versioned[WorkloadRecord], ...] = ()
    storm: tuple[str, Versioned[Storm]] | None = None
    freezes_version: int | None = None
    delivery: Delivery | None = None
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Lost:
    """A commit that was not stored: which of its conditions did not hold.

    Parts are ``state``, ``workload``, ``storm``, ``freezes``, ``delivery``, ``event``, ``task``.
    """

    parts: frozenset[str]


@dataclass(frozen=True)
class Due:
    """Something that is due: a response (`task` empty) or one of its tasks."""

    response_id: str
    task: str
    due_at: datetime


class Records(Protocol):
    """The table. Reads of the base are strongly consistent; a commit is one transaction.

    Raises TemporaryError(reason=INTERNAL) when the table cannot be reached or stays contended.
    """

    def read(
        self,
        *,
        responses: Collection[str] = (),
        workloads: Collection[WorkloadRef] = (),
        deliveries: Collection[tuple[str, str]] = (),
        freezes: bool = False,
        storm: str | None = None,
    ) -> View:
        """Read records in one batched, consistent call; `storm` is the cluster's name.

        A workload without a record comes back as an empty record at version 0.
        """
        ...

    def commit(self, commit: Commit) -> Lost | None:
        """Store a transition; return what it lost to, or None when it is stored."""
        ...

    def events(self, response_id: str) -> Sequence[Event]:
        """Return a response's history in order."""
        ...

    def tasks(self, response_id: str) -> Sequence[Task]:
        """Return a response's tasks, by name."""
        ...

    def task(self, response_id: str, name: str) -> Versioned[Task] | None:
        """Return one task with its version, or None."""
        ...

    def put_task(self, task: Versioned[Task]) -> bool:
        """Store a task if its stored version is the one it carries (0: there is none); say if it was."""
        ...

    def put_freezes(self, freezes: Versioned[Freezes]) -> bool:
        """Store the freezes if their stored version is the one they carry; say whether they were."""
        ...

    def due(self, now: datetime, *, limit: int = 100) -> Sequence[Due]:
        """Return what is due at `now`, oldest first, from the index (eventually consistent)."""
        ...

    def recent(self, day: str, *, service: str = "", limit: int = 100) -> Sequence[State]:
        """Return responses that started on a day (``YYYY-MM-DD``, UTC), newest first, from the index."""
        ...


class Metrics(Protocol):
    """Counts. Never raises and never waits: what cannot be counted is lost."""

    def add(self, measures: Sequence[Measure]) -> None:
        """Count what was measured."""
        ...

    def text(self) -> bytes:
        """Return what this process has kept, in Prometheus's text format; nothing if it keeps nothing."""
        ...


class Queue(Protocol):
    """Carries a response's id to a worker. It is for speed only: what it loses, the sweep finds."""

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: "Held | None" = None) -> None:
        """Ask for the response to be advanced after the delay. Raises TemporaryError.

        `held` hands over what `accept` has read and the lease it took, within one process only.
        """
        ...


@dataclass(frozen=True)
class Held:
    """A response with a lease in hand, and the records that were read with it."""

    state: State
    workload: Versioned[WorkloadRecord]
    freezes: Versioned[Freezes]
    storm: Versioned[Storm]


@dataclass(frozen=True)
class Button:
    """What a person may press: a verb (``approve``, ``abort``, ``rollback``) on the question it answers."""

    verb: str
    label: str
    question: str = ""
    confirm: str = ""


@dataclass(frozen=True)
class Message:
    """What people are told: vendor-neutral facts. `key` is the same for each attempt to send it.

    `code` is that of the event it tells of, `phase` where the response is now, and `reason` why it has ended.
    `rows` are the decision's rows and `timeline` the story so far, a line each. `references` name what the
    response is known by elsewhere: ``pagerduty`` an incident's id, ``github`` an issue (``owner/repo#12``).
    One that is told `aside` is not about how the service is: a channel that shows the state of things goes
    on showing that.
    """

    key: str
    title: str
    lines: tuple[str, ...]
    response_id: str
    severity: str
    links: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    service: str = ""
    team: str = ""
    phase: str = ""
    reason: str = ""
    rows: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    aside: bool = False


class People(Protocol):
    """Tells people, by one channel (a chat, an incident, an issue, a status page, a webhook)."""

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        """Deliver the message; return its receipt, by which the channel knows it again (empty: by nothing).

        `anchor` is the receipt of the response's first message on this channel, empty for the first.
        `again` says that an attempt before this one may have been delivered: a channel that can tell
        (an edit, a key, a hidden marker) looks first. Raises TemporaryError (try again) or PermanentError.
        """
        ...
