"""What is kept and handed on: the table with all that it holds, the queue, the time, what is counted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from shared.domain.metrics import Measure
from shared.domain.records import Delivery, Freezes, Storm, WorkloadRecord
from shared.domain.response import Event, Response, Task
from shared.domain.workloads import WorkloadRef


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


class Metrics(Protocol):
    """Counts. Never raises and never waits: what cannot be counted is lost."""

    def add(self, measures: Sequence[Measure]) -> None:
        """Count what was measured."""
        ...

    def text(self) -> bytes:
        """Return what this process has kept, in Prometheus's text format; nothing if it keeps nothing."""
        ...


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...
