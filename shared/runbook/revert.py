"""Revert (runbook, step 2, option C): undo the commit in git, when a person orders it."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain import reverts
from shared.domain.changes import Applied, Change, RevertCommit, Scalar
from shared.domain.guardrails import Rails
from shared.domain.owners import Reverted
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Catalogue
from shared.domain.steps import Case, Done, Intend, Made, Result, Stop
from shared.errors import PermanentError
from shared.ports import Repositories
from shared.runbook import looking


@dataclass(frozen=True)
class Revert:
    """Puts a commit on top of the branch, or opens the pull request that does. The pipeline does the rest."""

    repositories: Repositories
    catalogue: Catalogue
    rails: Rails

    def budget(self, response: Response) -> float:
        """Return the runbook's minute."""
        return looking.timing_of(self.catalogue, response).rollback

    def run(self, case: Case, now: datetime) -> Result:
        """Intend the revert, or refuse it with the obstacle."""
        response = case.response
        service = looking.service_of(self.catalogue, response)
        held_back = looking.held_back(case, service, self.rails, now)
        if held_back is not None:
            return held_back
        source = response.origin
        before = self._before(response)
        if before is not None:
            made = self._noted(response, before)
            return Done(made.response, made.code, made.facts, to=made.to)
        why = reverts.missing(source)
        found = (
            None
            if why
            else self.repositories.look(
                source.repository, source.branch, source.commit, no_later_than=reverts.no_later_than(response)
            )
        )
        if found is None or found.obstacle:
            detail = why or (found.obstacle if found else "")
            if looking.joined_firing(response):
                return Done(replace(response, order=None), "not_reverted", {"detail": detail}, to=Step.ASSESS)
            return Stop(response, Outcome.REFUSED, Reason.NOT_REVERTIBLE, detail)
        change = reverts.change(response, by=found.by, at=response.step_started_at)
        facts: dict[str, Scalar] = {
            "repository": source.repository,
            "branch": source.branch,
            "commit": source.commit,
            "by": found.by,
        }
        return Intend(replace(response, delay=None), change, facts)

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Keep where the revert is to be found."""
        if not isinstance(change, RevertCommit):
            raise PermanentError("something else than a revert was made", reason=Reason.INTERNAL)
        made = self.repositories.reverted(change)
        if made is None:
            raise PermanentError("the revert is gone again", reason=Reason.NOT_REVERTIBLE)
        return self._noted(case.response, made)

    def _before(self, response: Response) -> Reverted | None:
        """Return the revert that was made though its answer was lost."""
        if not response.faults or reverts.missing(response.origin):
            return None
        changes = (reverts.change(response, by=by, at=response.step_started_at) for by in reverts.WAYS)
        found = (self.repositories.reverted(change) for change in changes)
        return next((made for made in found if made is not None), None)

    @staticmethod
    def _noted(response: Response, made: Reverted) -> Made:
        response = replace(response, reverted=made, reason=Reason.REVERTED, detail=told(made))
        facts: dict[str, Scalar] = {"url": made.url, "commit": made.commit, "pull_request": made.pull_request}
        again = Step.ASSESS if looking.joined_firing(response) else None
        return Made(response, "reverted", facts, to=again)


def told(made: Reverted) -> str:
    """Return where the revert is, in words."""
    if made.pull_request and not made.commit:
        return f"pull request {made.pull_request} waits to be merged: {made.url}"
    return f"commit {made.commit[:12]}: {made.url}"
