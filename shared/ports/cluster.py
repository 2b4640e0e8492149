"""What runs, and what it stands on: workloads, their owners, repositories, jobs, databases, caches, flags."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

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
from shared.domain.owners import Ownership, Reverted, Revertible, Suspension, Target
from shared.domain.workloads import Revision, Workload, WorkloadRef


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
