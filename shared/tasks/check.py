"""Check: look at the outside after a rollback, for the items of the verification checklist that it knows.

The runbook's "monitor logs" and its items on alerts and complaints. It changes nothing anywhere, so being run
twice does no harm; each look is a task of its own, which keeps what it has found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from shared.domain import aftercare, clearing, complaints, evidence, logs
from shared.domain.changes import Scalar
from shared.domain.checklist import checklist, passed, unpassed
from shared.domain.checklist import logs as checked_logs
from shared.domain.complaints import Listened
from shared.domain.evidence import Evidence, Standing
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.domain.services import Catalogue, Service
from shared.errors import BackoutError
from shared.ports import Alerts, Complaints, Logs, Records, Workloads
from shared.tasks.resume import Tell

CODE = "checked"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Check:
    """Looks again while something is unknown or fails, for half an hour; then it tells people, once.

    What is not configured is not looked at: the checklist asks a person of it. A place that does not answer
    makes its item unknown, and keeps none of the others.
    """

    records: Records
    workloads: Workloads
    catalogue: Catalogue
    tell: Tell
    searching: Callable[[str], Callable[[str], bool]]
    logs: Logs | None = None
    alerts: Alerts | None = None
    complaints: Sequence[Complaints] = ()

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Look at each place, and owe the next look or the message."""
        service = self.catalogue.of(response.service, response.workload)
        rolled, ended_at = response.rolled, response.ended_at
        if service is None or rolled is None or ended_at is None:
            return Finished("there is nothing to look at")
        found = dict(self._found(response, service, rolled.at))
        facts = evidence.facts(found)
        said = ", ".join(f"{topic}: {each.standing}" for topic, each in found.items())
        is_settled = all(each.standing in evidence.SETTLED for each in found.values())
        if not is_settled and now + aftercare.NEXT_LOOK <= ended_at + aftercare.LAST_LOOK:
            nth = int(task.facts.get("nth") or 1) + 1
            following = aftercare.check(response, str(task.facts.get("of")), nth, now)
            return Finished(f"{said}; looking again", facts=facts, then=(following,))
        looked = replace(task, facts={**task.facts, **facts}, ended_at=now)
        news = self.tell(response, CODE, self._summed_up(response, looked), task.name, now)
        return Finished(said or "nothing to look at is configured", facts=facts, then=tuple(news))

    def _found(self, response: Response, service: Service, since: datetime) -> Iterator[tuple[str, Evidence]]:
        """Yield what each place says, by topic."""
        if self.alerts is not None:
            yield evidence.ALERTS, _looked(partial(self._alerts, self.alerts, response, service))
        if self.logs is not None and service.log_errors:
            yield evidence.LOGS, _looked(partial(self._logs, self.logs, service, since))
        heard = [_looked(partial(place.listen, service, since=since)) for place in self.complaints]
        places = [each for each in heard if isinstance(each, Listened)]
        told = [complaints.evidence(places, response, since=since)] if places else []
        told += [each for each in heard if isinstance(each, Evidence)]
        if told:
            yield evidence.COMPLAINTS, evidence.worst(told)

    def _alerts(self, alerts: Alerts, response: Response, service: Service) -> Evidence:
        firing = alerts.firing(clearing.filters(service, self.catalogue))
        return clearing.evidence(clearing.about(response, self.catalogue, firing))

    def _logs(self, port: Logs, service: Service, since: datetime) -> Evidence:
        workload = self.workloads.read(service.workload)
        if workload is None:
            return Evidence(Standing.UNKNOWN, "the workload is gone")
        asked = logs.to_read(workload)
        read = port.read(workload.ref, asked, since=since)
        is_error = self.searching(service.log_errors)
        return logs.evidence(read, is_error, since=since, asked=len(asked), pods=len(workload.pods))

    def _summed_up(self, response: Response, looked: Task) -> dict[str, Scalar]:
        """Return the checklist as the facts of a message: how many passed, and the names of the others."""
        tasks = [looked, *(task for task in self.records.tasks(response.id) if task.name != looked.name)]
        items = checklist(response, self.records.events(response.id), tasks)
        facts: dict[str, Scalar] = {"passed": passed(items), "of": len(items)}
        facts |= {standing.value: ", ".join(names) for standing, names in unpassed(items).items()}
        read = checked_logs(tasks)
        return facts | ({"logs": read.evidence} if read is not None else {})


def _looked(look: Callable[[], Found]) -> Found | Evidence:
    """Look; where it cannot be looked, say so as evidence."""
    try:
        return look()
    except BackoutError as error:
        return Evidence(Standing.UNKNOWN, str(error))
