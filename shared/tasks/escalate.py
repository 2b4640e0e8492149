"""Escalate: call one level of the escalation path about a response, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.domain import decisions, escalation
from shared.domain.escalation import Escalation, Level
from shared.domain.matrix import Severity
from shared.domain.owed import Finished, Later
from shared.domain.reasons import sentence
from shared.domain.response import Event, Response, Task
from shared.domain.services import QUERYABLE, Service, annotated
from shared.domain.signals import NOT_MEASURED
from shared.errors import PermanentError
from shared.ports import Message, Records, Signals, Workloads

LOOK_AGAIN = timedelta(minutes=5)
"""When the last level's timer looks again at a response that is live and no P0: it may become one."""

NAMES: Mapping[Level, str] = {
    Level.ON_CALL: "on-call engineer",
    Level.TEAM_LEAD: "team lead",
    Level.PLATFORM: "platform team",
    Level.CTO: "CTO",
}


class Caller(Protocol):
    """Calls the person or team that a level of the message's team names."""

    def call(self, level: str, message: Message, *, again: bool = False) -> str:
        """Call; return a receipt (empty: there is none).

        The message's `key` is the same for each attempt; `again` says that one before this may have got
        through. Raises TemporaryError (try again) or PermanentError.
        """
        ...


@dataclass(frozen=True)
class Escalate:
    """Looks at the response when it is due: an acknowledgement, or news since, may have made the call moot.

    The last level's call is a timer. It is due after 30 minutes and asks whether a customer-facing P0 is
    still open: the response lives, or it ended without having solved anything and the signals are not well.
    """

    records: Records
    workloads: Workloads
    signals: Signals
    escalation: Escalation
    caller: Caller
    word: Callable[[Response, Task, tuple[Event, ...]], Message]

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Call the level, unless it has been or need not be. Raises what the caller raises."""
        level = Level(str(task.facts["level"]))
        before = self._before(task)
        if before is not None:
            return Finished(f"not called: {before} is the call of this level")
        why = escalation.moot(response, level, self.escalation.path_of(response), str(task.facts.get("code")))
        if why:
            return Finished(f"not called: {why}")
        if level is escalation.LAST:
            not_open = self._not_open(response, now)
            if not_open is not None:
                return not_open
        message = self._message(level, task, response, now)
        receipt = self.caller.call(level.value, message, again=task.attempts > 1)
        return Finished(f"called: {message.title}", receipt or level.value)

    def _before(self, task: Task) -> str | None:
        """Return an earlier task of the same level that has called somebody or is about to."""
        level = task.facts["level"]
        return next(
            (
                other.name
                for other in self.records.tasks(task.response_id)
                if other.kind == escalation.KIND
                and other.facts.get("level") == level
                and other.name < task.name
                and (other.receipt or other.due_at is not None)
            ),
            None,
        )

    def _not_open(self, response: Response, now: datetime) -> Finished | Later | None:
        """Return what follows when no customer-facing P0 is open; None when one is."""
        if response.decision.severity is not Severity.P0:
            return Later(now + LOOK_AGAIN) if response.live else Finished("not called: it is no P0")
        service = self._service(response)
        if service is None or not service.customer_facing:
            return Finished("not called: the service is not customer-facing")
        if not response.live and self._well(response, service):
            return Finished("not called: the signals are below their thresholds")
        return None

    def _service(self, response: Response) -> Service | None:
        """Return the service; one without an entry as its workload's annotations describe it."""
        service = self.escalation.catalogue.of(response.service, response.workload)
        if service is None or not service.discovered:
            return service
        workload = self.workloads.read(response.workload)
        try:
            return annotated(service, workload.annotations) if workload is not None else None
        except ValueError as error:
            raise PermanentError(f"workload {response.workload}: {error}") from error

    def _well(self, response: Response, service: Service) -> bool:
        """Return whether all that the response was about is measured, and below its thresholds."""
        about = set(response.heard.carried) or set(QUERYABLE)
        if not service.measured or not about <= set(QUERYABLE):
            return False
        readings = self.signals.measure(service, QUERYABLE).readings
        known = not any(readings.get(signal, NOT_MEASURED).is_unknown for signal in about)
        return known and not decisions.decide(service.matrix, readings).matched

    def _message(self, level: Level, task: Task, response: Response, now: datetime) -> Message:
        message = self.word(response, task, tuple(self.records.events(response.id)))
        why = _why(task, response, now)
        return replace(
            message,
            key=f"{response.id}/{escalation.KIND}/{level.value}",
            title=f"{response.service}: {NAMES[level]}, you are needed: {why}",
            team=self.escalation.team_of(response),
        )


def _why(task: Task, response: Response, now: datetime) -> str:
    """Return why somebody is called, as a clause for people."""
    match task.facts.get("code"):
        case "accepted":
            minutes = (now - response.started_at) // timedelta(minutes=1)
            return f"a customer-facing P0 has been open for {minutes} min"
        case "asked":
            asks = " ".join(sentence(reason) for reason in response.asks)
            return f"a rollback waits for an answer. {asks}".strip()
        case "holding":
            return "it rolls back soon unless someone says no"
        case "ended":
            return f"{response.phase}. {sentence(response.reason) if response.reason else ''}".strip()
        case _:
            return "it is still alerting after the rollback"
