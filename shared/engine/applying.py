"""Applying: each kind of change is made by the port whose affair it is."""

from dataclasses import dataclass

from shared.domain.changes import (
    Applied,
    Change,
    FlushCache,
    RestoreDatabase,
    ResumeOwner,
    RevertCommit,
    RollBackByOwner,
    RunJob,
    SetFlag,
    StopOwner,
)
from shared.ports import Caches, Databases, Flags, Jobs, Owners, Repositories, Workloads


@dataclass(frozen=True)
class Applier:
    """Makes stored intents come true, once; every port first reads back whether it has been done."""

    workloads: Workloads
    owners: Owners
    repositories: Repositories
    jobs: Jobs
    databases: Databases
    caches: Caches
    flags: Flags

    def apply(self, change: Change) -> Applied:
        """Make the change. Raises TemporaryError and PermanentError, as the ports do."""
        match change:
            case StopOwner() | RollBackByOwner() | ResumeOwner():
                return self.owners.apply(change)
            case RevertCommit():
                return self.repositories.apply(change)
            case RunJob():
                return self.jobs.apply(change)
            case RestoreDatabase():
                return self.databases.apply(change)
            case FlushCache():
                return self.caches.apply(change)
            case SetFlag():
                return self.flags.apply(change)
            case _:
                return self.workloads.apply(change)
