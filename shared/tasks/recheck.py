"""Recheck: an alert that is old news fires on; see whether its signals still breach, and call a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import decisions
from shared.domain.changes import Scalar
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.domain.services import QUERYABLE, Catalogue
from shared.domain.signals import NOT_MEASURED, Readings
from shared.ports import Records, Signals

Call = Callable[[Response, Mapping[str, Scalar], str, datetime], Sequence[Task]]
"""Returns the messages that call a person: of a response, with facts, a name and the time."""


@dataclass(frozen=True)
class Recheck:
    """Never acts: a rollback was made for this alert, and a second one would not be its cure."""

    records: Records
    signals: Signals
    catalogue: Catalogue
    call: Call

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Measure the service; owe a message when it is past a threshold or cannot be measured."""
        service = self.catalogue.of(response.service, response.workload)
        if service is None:
            return Finished("the service is no longer in the configuration")
        record = self.records.read(workloads=[response.workload]).workloads[response.workload].value
        if record.live is not None:
            return Finished(f"response {record.live} is at it")
        readings = self.signals.measure(service, QUERYABLE).readings if service.measured else {}
        matched = ", ".join(row.row for row in decisions.decide(service.matrix, readings).matched)
        if not matched and _known(response, readings):
            return Finished("the signals are below their thresholds")
        because = matched or "the signals cannot be measured"
        calls = self.call(response, {**task.facts, "because": because}, task.name, now)
        return Finished(f"a person is called: {because}", then=tuple(calls))


def _known(response: Response, readings: Readings) -> bool:
    """Return whether all signals that the response was about are known, or any where it came with none."""
    about = set(response.heard.carried) & set(QUERYABLE)
    unknown = [s for s in about or QUERYABLE if readings.get(s, NOT_MEASURED).is_unknown]
    return not unknown if about else len(unknown) < len(QUERYABLE)
