"""Resume: start an owner again that a response stopped, once that undoes nothing or a person says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import aftercare, reverts
from shared.domain.changes import Applied, ResumeOwner, Scalar
from shared.domain.owed import Finished, Later
from shared.domain.owners import Suspension
from shared.domain.records import PastResponse
from shared.domain.response import Response, Task, Wanted
from shared.ports import Owners, Records, Repositories

Tell = Callable[[Response, str, Mapping[str, Scalar], str, datetime], Sequence[Task]]
"""Returns the messages of a piece of news: of a response, with code, facts, a name and the time."""

LOOK_AGAIN = timedelta(seconds=15)
LATER = timedelta(minutes=10)
SOON = timedelta(hours=1)
"""For how long it is looked every `LOOK_AGAIN` whether the owner may start; after that every `LATER`."""


@dataclass(frozen=True)
class Resume:
    """Looks whether what the owner would sync to is what runs. By itself it starts nothing that is in doubt.

    A person's word (the task then says by whom) needs no such proof, but waits while a response is at the
    workload. What someone else changed meanwhile is left alone, and told.
    """

    records: Records
    owners: Owners
    repositories: Repositories
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Start the owner again, or look again later. Raises what the owner raises."""
        stopped = response.suspended
        if response.live:
            return Later(now + LOOK_AGAIN)
        tasks = {each.name: each for each in self.records.tasks(response.id)}
        if stopped is None or not aftercare.still_stopped(response, tasks):
            return Finished("it runs again", aftercare.STARTED)
        if not self._may(task, response, stopped, tasks, now):
            young = task.created_at is not None and now - task.created_at < SOON
            return Later(now + (LOOK_AGAIN if young else LATER))
        change = ResumeOwner(
            workload=response.workload,
            response_id=response.id,
            kind=stopped.kind,
            namespace=stopped.namespace,
            name=stopped.name,
            before=stopped.before,
        )
        left_alone = self.owners.apply(change) is Applied.MOVED
        code = "owner_left_alone" if left_alone else "owner_resumed"
        facts: dict[str, Scalar] = {"owner": str(stopped), "by": task.facts.get("by", "backout")}
        told = "was changed by someone else and is left alone" if left_alone else "runs again"
        news = self.tell(response, code, facts, task.name, now)
        return Finished(f"{stopped} {told}", aftercare.STARTED, then=tuple(news))

    def _may(
        self,
        task: Task,
        response: Response,
        stopped: Suspension,
        tasks: Mapping[str, Task],
        now: datetime,
    ) -> bool:
        """Return whether the owner may start now: nobody is at the workload, and nothing would be undone.

        Another response that changed something under this owner since it was stopped may rely on that: while
        it lives the owner stays stopped, and afterwards only a person can tell.
        """
        owner = stopped.ref(response.workload.cluster)
        view = self.records.read(workloads=[response.workload, owner], freezes=True)
        record, noted = view.workloads[response.workload].value, view.workloads[owner].value.responses
        relying = _after(noted, response.id)
        states = self.records.read(responses=relying).states if relying else {}
        if record.live is not None or any(state.response.live for state in states.values()):
            return False
        if "by" in task.facts:
            return True
        frozen = view.freezes.value.holding(now, namespace=response.workload.namespace, team=response.team)
        if frozen is not None or relying:
            return False
        if not _needs_it(response):
            return True
        ours = record.restored is not None and record.restored.response_id == response.id
        scaled = not response.acted
        return (ours or scaled) and self.owners.in_step(stopped, commit=self._reverted(response, tasks))

    def _reverted(self, response: Response, tasks: Mapping[str, Task]) -> str:
        """Return the commit of the revert that followed the rollback, once it is on the branch."""
        made = next((t for t in tasks.values() if t.kind == aftercare.REVERT and t.receipt), None)
        if made is None or made.created_at is None:
            return ""
        change = reverts.change(response, by=made.receipt, at=made.created_at)
        found = self.repositories.reverted(change)
        return found.commit if found is not None else ""


def _after(noted: Sequence[PastResponse], response_id: str) -> list[str]:
    """Return the responses that were noted after this one; all but it where it is not noted any more."""
    ids = [past.id for past in noted]
    return ids[ids.index(response_id) + 1 :] if response_id in ids else ids


def _needs_it(response: Response) -> bool:
    """Return whether what the response did would be undone: a rollback, or capacity that a person ordered."""
    ordered = response.order is not None and response.order.wanted is Wanted.SCALE and response.scaled
    return response.acted or ordered
