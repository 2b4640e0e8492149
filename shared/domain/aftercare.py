"""Aftercare: which tasks a response owes once it has changed more than the workload itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import meetings
from shared.domain.changes import Scalar
from shared.domain.evidence import CHECK
from shared.domain.response import Event, Outcome, Response, Task
from shared.domain.services import Catalogue

RESUME, REMIND, REVERT, FLAG, GATE = "resume", "remind", "revert", "flag", "gate"

OFF, ON = "off", "on"
"""The receipts of a task that has switched a feature flag."""

CLOSED, OPEN = "closed", "open"
"""What the receipt of a task that has closed or opened a barrier begins with; its place follows."""

STARTED = "started"
"""The receipt of a task that has started an owner again, or found that nobody need."""

FIRST_REMINDER = timedelta(hours=1)
LONGEST_SILENCE = timedelta(hours=24)

FIRST_LOOK = timedelta(minutes=1)
"""After the end: by then what people are told of it has mostly been delivered."""

NEXT_LOOK = timedelta(minutes=5)
LAST_LOOK = timedelta(minutes=30)


@dataclass(frozen=True)
class Aftercare:
    """Turns events into tasks: an owner that was stopped is watched over, reminded of, and started again.

    Where the service says so, a rollback is followed by a revert in git, which makes it last, and its feature
    flags are switched off. Teams that are `invited` to meetings are so after what went as far as a rollback.
    `barriers` are what enforces the gates of services that have an entry. The outside is looked at for the
    verification checklist.
    """

    catalogue: Catalogue
    invited: Collection[str] = ()
    barriers: tuple[str, ...] = ()

    def owed(self, response: Response, event: Event) -> list[Task]:
        """Return the tasks that an event gives rise to."""
        number, at = f"{event.number:06d}", event.at
        if event.code == "intended" and event.facts.get("change") == "stop_owner":
            return [
                _task(response, f"{RESUME}#{number}", RESUME, at=at, due_at=at),
                reminder(response, number, 1, at),
            ]
        if event.code == "resume":
            facts = {"by": event.by}
            return [_task(response, f"{RESUME}#{number}", RESUME, at=at, due_at=at, facts=facts)]
        if event.code == "restore-flags":
            told: dict[str, str | int] = {"by": event.by, "on": True}
            return [self._flag(response, flag, number, at, told) for flag in self._flags(response)]
        if event.code in meetings.WORDS:
            wanted = {**event.facts, "by": event.by}
            return [
                _task(response, f"{meetings.MEET}#{number}", meetings.MEET, at=at, due_at=at, facts=wanted)
            ]
        if event.code in {"rolled_back", "ungate"} and self.catalogue.named(response.service) is not None:
            return [gate(response, f"{number}#{barrier}", at) for barrier in self.barriers]
        if event.code == "ended":
            reverts = [_task(response, f"{REVERT}#{number}", REVERT, at=at, due_at=at)]
            ours = response.rolled is not None and response.rolled.by_us
            flags = self._flags(response) if ours else ()
            switched = [self._flag(response, flag, number, at, {}) for flag in flags]
            met = [_task(response, f"{meetings.MEET}#{number}", meetings.MEET, at=at, due_at=at)]
            met = met if response.team in self.invited and meetings.owed(response) else []
            looks = [check(response, number, 1, at)] if response.rolled is not None else []
            return (reverts if self._reverts(response) else []) + switched + met + looks
        return []

    def _flags(self, response: Response) -> tuple[str, ...]:
        service = self.catalogue.of(response.service, response.workload)
        return service.flags if service is not None else ()

    @staticmethod
    def _flag(
        response: Response, flag: str, number: str, at: datetime, facts: Mapping[str, str | int]
    ) -> Task:
        name = f"{FLAG}#{number}#{flag}"
        return _task(response, name, FLAG, at=at, due_at=at, facts={**facts, "flag": flag})

    def _reverts(self, response: Response) -> bool:
        """Return whether the rollback was ours, has held, and is to be made to last."""
        service = self.catalogue.of(response.service, response.workload)
        ours = response.rolled is not None and response.rolled.by_us
        return ours and response.phase == Outcome.COMPLETED and service is not None and service.reverts


def reminder(response: Response, name: str, nth: int, now: datetime) -> Task:
    """Return the nth reminder of an owner that is stopped; each comes after twice the time."""
    pause = min(FIRST_REMINDER * 2 ** (nth - 1), LONGEST_SILENCE)
    facts: dict[str, str | int] = {"of": name, "nth": nth}
    return _task(response, f"{REMIND}#{name}#{nth:03d}", REMIND, at=now, due_at=now + pause, facts=facts)


def gate(response: Response, of: str, now: datetime, *, nth: int = 0) -> Task:
    """Return the task that brings a barrier in line with the gate.

    `of` is the event's number and the barrier (``000006#argo_cd``). The nth comes after as many that failed.
    """
    pause = min(FIRST_REMINDER * 2 ** (nth - 1), LONGEST_SILENCE) if nth else timedelta()
    facts: dict[str, str | int] = {"barrier": of.partition("#")[2], "of": of, "nth": nth}
    return _task(response, f"{GATE}#{of}#{nth:03d}", GATE, at=now, due_at=now + pause, facts=facts)


def barriers(tasks: Sequence[Task]) -> Mapping[str, Task]:
    """Return of each barrier the task that says how it stands: the newest of a response's tasks."""
    ours = [task for task in tasks if task.kind == GATE]
    ours.sort(key=lambda task: (str(task.facts["of"]), int(task.facts["nth"] or 0)))
    return {str(task.facts["barrier"]): task for task in ours}


def check(response: Response, name: str, nth: int, now: datetime) -> Task:
    """Return the nth look at the outside for the checklist."""
    facts: dict[str, str | int] = {"of": name, "nth": nth}
    due_at = now + (FIRST_LOOK if nth == 1 else NEXT_LOOK)
    return _task(response, f"{CHECK}#{name}#{nth:03d}", CHECK, at=now, due_at=due_at, facts=facts)


def flags_off(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the feature flags that a response switched off and nobody has had put back."""
    done = [(str(t.facts.get("flag")), t.receipt) for t in tasks if t.kind == FLAG and t.receipt]
    back = {flag for flag, receipt in done if receipt == ON}
    return tuple(flag for flag, receipt in done if receipt == OFF and flag not in back)


def still_stopped(response: Response, tasks: Mapping[str, Task]) -> bool:
    """Return whether what the response stopped has not been started again, by it, a task or someone else."""
    if response.suspended is None:
        return False
    return not any(task.kind == RESUME and task.receipt == STARTED for task in tasks.values())


def _task(
    response: Response,
    name: str,
    kind: str,
    *,
    at: datetime,
    due_at: datetime,
    facts: Mapping[str, Scalar] | None = None,
) -> Task:
    return Task(
        response_id=response.id, name=name, kind=kind, due_at=due_at, facts=dict(facts or {}), created_at=at
    )
