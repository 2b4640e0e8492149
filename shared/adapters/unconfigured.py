"""Ports of which nothing is configured: each refuses, and says what to configure."""

from collections.abc import Sequence
from datetime import datetime

from shared.domain.changes import Applied, FlushCache, RestoreDatabase, RevertCommit, RunJob, SetFlag
from shared.domain.meetings import Invitation
from shared.domain.owners import Reverted, Revertible
from shared.errors import PermanentError
from shared.ports import Asked, DatabaseRestore, Issue, JobRun, NewIssue, Template


class NoRepositories:
    """Reverts nothing."""

    def look(
        self, repository: str, branch: str, commit: str, *, no_later_than: datetime | None = None
    ) -> Revertible:
        return Revertible(obstacle=_lacks("github"))

    def apply(self, change: RevertCommit) -> Applied:
        raise PermanentError(_lacks("github"))

    def reverted(self, change: RevertCommit) -> Reverted | None:
        return None


class NoJobs:
    """Runs nothing."""

    def apply(self, change: RunJob) -> Applied:
        raise PermanentError(_lacks("a cluster"))

    def look(self, namespace: str, name: str) -> JobRun | None:
        return None


class NoDatabases:
    """Restores nothing."""

    def latest(self, instance: str) -> datetime:
        raise PermanentError(_lacks("a database"))

    def apply(self, change: RestoreDatabase) -> Applied:
        raise PermanentError(_lacks("a database"))

    def look(self, instance: str) -> DatabaseRestore | None:
        return None


class NoCaches:
    """Flushes nothing."""

    def apply(self, change: FlushCache) -> Applied:
        raise PermanentError(_lacks(f"caches.{change.cache}"))


class NoFlags:
    """Switches nothing."""

    def look(self, flag: str) -> bool:
        raise PermanentError(_lacks("flags"))

    def apply(self, change: SetFlag) -> Applied:
        raise PermanentError(_lacks("flags"))


class NoTracker:
    """Files nothing."""

    def template(self, repository: str, path: str) -> Template | None:
        return None

    def file(self, issue: NewIssue) -> Issue:
        raise PermanentError(_lacks("github"))

    def look(self, reference: str) -> Issue | None:
        raise PermanentError(_lacks("github"))


class NoShelf:
    """Keeps nothing."""

    def put(self, name: str, text: str) -> str:
        raise PermanentError(_lacks("report.directory"))


class NoMeetings:
    """Invites nobody."""

    def send(self, invitation: Invitation) -> Sequence[str]:
        raise PermanentError(_lacks("meetings"))


class NoDeployments:
    """Answers nothing."""

    def answer(self, asked: Asked, *, approved: bool, comment: str, again: bool = False) -> Applied:
        raise PermanentError(_lacks("github"))


class NoReviews:
    """Knows of no reviews."""

    def approver(self, repository: str, number: int) -> str:
        raise PermanentError(_lacks("github"))


def _lacks(what: str) -> str:
    return f"{what} is not configured"
