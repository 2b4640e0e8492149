"""Revert: make a rollback last, by undoing in git the commit that it rolled away from; once or not at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import reverts
from shared.domain.changes import Applied, RevertCommit, Scalar
from shared.domain.owed import Finished, Later
from shared.domain.owners import Reverted
from shared.domain.reasons import Reason
from shared.domain.response import Response, Task
from shared.errors import PermanentError, TemporaryError
from shared.ports import Records, Repositories
from shared.tasks.resume import Tell

FROZEN = timedelta(minutes=1)


@dataclass(frozen=True)
class Revert:
    """Undoes the commit on the branch's tip, or opens the pull request that does; tells people which.

    A refusal (a conflict, a protected branch) is told and not tried again: the rollback stands without it.
    """

    records: Records
    repositories: Repositories
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Revert, or say why not. Raises TemporaryError when it is to be tried again."""
        view = self.records.read(freezes=True)
        scope = {"namespace": response.workload.namespace, "team": response.team}
        if view.freezes.value.holding(now, **scope) is not None:
            return Later(now + FROZEN)
        try:
            by, made = self._made(task, response)
        except PermanentError as error:
            facts: dict[str, Scalar] = {"detail": str(error)}
            news = self.tell(response, "revert_failed", facts, task.name, now)
            return Finished(f"not reverted: {error}", then=tuple(news))
        facts = {"url": made.url, "commit": made.commit, "pull_request": made.pull_request}
        news = self.tell(response, "reverted", facts, task.name, now)
        return Finished(f"reverted: {made.url}", by, then=tuple(news))

    def _made(self, task: Task, response: Response) -> tuple[str, Reverted]:
        at = task.created_at or response.started_at
        source = response.origin
        why = reverts.missing(source)
        if why:
            raise PermanentError(why, reason=Reason.NOT_REVERTIBLE)
        changes = {by: reverts.change(response, by=by, at=at) for by in reverts.WAYS}
        if task.attempts > 1:
            for by, change in changes.items():
                before = self.repositories.reverted(change)
                if before is not None:
                    return by, before
        found = self.repositories.look(
            source.repository, source.branch, source.commit, no_later_than=reverts.no_later_than(response)
        )
        if found.obstacle:
            raise PermanentError(found.obstacle, reason=Reason.NOT_REVERTIBLE)
        return found.by, self._applied(changes[found.by])

    def _applied(self, change: RevertCommit) -> Reverted:
        if self.repositories.apply(change) is Applied.MOVED:
            raise TemporaryError(f"{change.branch} of {change.repository} moved meanwhile")
        made = self.repositories.reverted(change)
        if made is None:
            raise PermanentError("the revert is gone again", reason=Reason.NOT_REVERTIBLE)
        return made
