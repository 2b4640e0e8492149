"""Overdue: remind the team of the follow-ups that are still open when their time is up."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain import follow_ups, paperwork
from shared.domain.changes import Scalar
from shared.domain.follow_ups import Term
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.ports import Records, Tracker
from shared.tasks.resume import Tell

_LONGEST = 1500


@dataclass(frozen=True)
class Overdue:
    """Reads the issues, and tells what is open in them; again each day, a few times.

    Where there is no issue nobody knows what is done: the list, or that item of it, is told once.
    """

    records: Records
    tracker: Tracker
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Look and remind. Raises what the tracker raises."""
        term, nth = Term(str(task.facts["term"])), int(task.facts.get("nth") or 1)
        tasks = self.records.tasks(response.id)
        tracked = follow_ups.tracked_by(tasks, term)
        if not tracked:
            still, url = list(follow_ups.LISTS[term]), ""
        else:
            still, url = self._open(tracked, term)
            still += follow_ups.untracked(tasks, term) if nth == 1 else []
        if not still:
            return Finished("nothing is open any more")
        facts: dict[str, Scalar] = {"term": term.value, "open": "; ".join(still)[:_LONGEST], "url": url}
        then = list(self.tell(response, "overdue", facts, task.name, now))
        if tracked and nth < follow_ups.MOST_REMINDERS:
            then.append(paperwork.overdue(response, str(task.facts["of"]), term, nth + 1))
        return Finished(f"reminded of {len(still)}", then=tuple(then))

    def _open(self, tracked: dict[str, str], term: Term) -> tuple[list[str], str]:
        """Return what is open, and the address of the first issue in which something is."""
        still: list[str] = []
        url = ""
        for reference, item in tracked.items():
            issue = self.tracker.look(reference)
            if issue is None or not issue.open:
                continue
            found = [item] if item else follow_ups.unticked(issue.body, term)
            url = url or (issue.url if found else "")
            still += found
        return still, url
