"""Fix: open the gate that a response closed once the fix that names it is merged, approved by a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.owed import Finished, Later
from shared.domain.response import Task
from shared.domain.services import Catalogue
from shared.errors import TemporaryError
from shared.ports import Reviews
from shared.tasks.gate import Closing
from shared.tasks.rule import put_off

KIND = "fix"
PASSED = "passed"
"""The receipt of a task that had nothing to open."""


class Ungate(Protocol):
    """Opens the gate that a response closed."""

    def __call__(self, response_id: str, *, by: str, reason: str) -> bool:
        """Say whether it was closed until then."""
        ...


@dataclass(frozen=True)
class Fix:
    """It is about no one response. Only a gate that the response keeps closed now can be opened."""

    catalogue: Catalogue
    closing: Closing
    reviews: Reviews
    ungate: Ungate

    def run(self, task: Task, now: datetime) -> Finished | Later:
        """Look who has approved, and open. Raises what the reviews raise."""
        facts = task.facts
        repository, number = str(facts["repository"]), int(str(facts["number"]))
        fix, response_id = f"{repository}#{number}", str(facts["response_id"])
        services = [s for s in self.catalogue.services if s.repository.lower() == repository.lower()]
        closing = self.closing([service.workload for service in services]) if services else {}
        closed = [s for s in services if s.workload in closing]
        ours = [s for s in closed if closing[s.workload].response_id == response_id]
        if not ours:
            return Finished(f"{fix}: {response_id} keeps no gate of this repository closed", PASSED)
        branches = {service.branch or str(facts["default_branch"]) for service in ours}
        if facts["base"] not in branches:
            return Finished(f"{fix} is not merged into {', '.join(sorted(branches))}", PASSED)
        try:
            approver = self.reviews.approver(repository, number)
        except TemporaryError as error:
            return put_off(task, error, now)
        if not approver:
            return Finished(f"{fix} is merged without an approving review", PASSED)
        self.ungate(
            response_id,
            by=f"github:{facts['merged_by']}",
            reason=f"the fix {fix} is merged, approved by {approver}",
        )
        return Finished(f"{fix} opens the gate", "opened")
