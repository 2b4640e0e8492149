"""Applying: each kind of change is made by the port whose affair it is."""

from dataclasses import dataclass

from shared.domain.changes import Applied, Change, ResumeOwner, RevertCommit, RollBackByOwner, StopOwner
from shared.ports import Owners, Repositories, Workloads


@dataclass(frozen=True)
class Applier:
    """Makes stored intents come true, once; every port first reads back whether it has been done."""

    workloads: Workloads
    owners: Owners
    repositories: Repositories

    def apply(self, change: Change) -> Applied:
        """Make the change. Raises TemporaryError and PermanentError, as the ports do."""
        match change:
            case StopOwner() | RollBackByOwner() | ResumeOwner():
                return self.owners.apply(change)
            case RevertCommit():
                return self.repositories.apply(change)
            case _:
                return self.workloads.apply(change)
