"""Flag: switch a service's feature flags off after a rollback, and back on when a person says so.

The runbook's "disable problematic feature flags", within half an hour of the end.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import aftercare
from shared.domain.changes import Applied, Scalar, SetFlag
from shared.domain.owed import Finished, Later
from shared.domain.reasons import Reason
from shared.domain.response import Response, Task
from shared.errors import PermanentError
from shared.ports import Flags, Records
from shared.tasks.resume import Tell

FROZEN = timedelta(minutes=1)


@dataclass(frozen=True)
class Flag:
    """First looks whether the flag is on, and only then owes the switching, as a task of its own.

    So what was off before is known for certain, and stays off when flags are put back. A vendor that refuses
    (change control) is told, not asked again.
    """

    records: Records
    flags: Flags
    tell: Tell

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Look, switch off, or put back. Raises TemporaryError when it is to be tried again."""
        flag, on = str(task.facts["flag"]), task.facts.get("on") is True
        view = self.records.read(freezes=True)
        scope = {"namespace": response.workload.namespace, "team": response.team}
        if not on and view.freezes.value.holding(now, **scope) is not None:
            return Later(now + FROZEN, "not switched yet: changes are frozen")
        try:
            if on:
                return self._put_back(task, response, flag, now)
            if task.facts.get("seen_on"):
                return self._switched(task, response, flag, on=False, now=now)
            if not self.flags.look(flag):
                return Finished(f"{flag} was off already")
        except PermanentError as error:
            facts: dict[str, Scalar] = {"flag": flag, "detail": str(error)}
            news = self.tell(response, "flag_refused", facts, task.name, now)
            return Finished(f"not switched: {flag}: {error}", then=tuple(news))
        facts = {**task.facts, "seen_on": True}
        return Finished(f"{flag} is on", then=(_following(task, facts, now),))

    def _put_back(self, task: Task, response: Response, flag: str, now: datetime) -> Finished:
        tasks = self.records.tasks(response.id)
        if flag not in aftercare.flags_off(tasks):
            return Finished(f"{flag} was not switched off by this response, or is on again")
        return self._switched(task, response, flag, on=True, now=now)

    def _switched(self, task: Task, response: Response, flag: str, *, on: bool, now: datetime) -> Finished:
        change = SetFlag(workload=response.workload, response_id=response.id, flag=flag, on=on)
        if self.flags.apply(change) is Applied.MOVED:
            raise PermanentError(f"{flag} was changed meanwhile", reason=Reason.INTERNAL)
        code = "flag_on" if on else "flag_off"
        news = self.tell(
            response, code, {"flag": flag, "by": task.facts.get("by", "backout")}, task.name, now
        )
        receipt = aftercare.ON if on else aftercare.OFF
        return Finished(f"{flag} is {'on again' if on else 'off'}", receipt, then=tuple(news))


def _following(task: Task, facts: dict[str, Scalar], now: datetime) -> Task:
    return replace(
        task, name=f"{task.name}#off", due_at=now, facts=facts, attempts=0, result="", created_at=now
    )
