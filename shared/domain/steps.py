"""What the engine knows of a step, and a step of the engine: a Protocol and the results it may return.

`run` only looks at the world, so it may be run again at any time; whatever changes the world is an
`Intend`, which the engine stores before it makes the change. So the results of several steps can be stored in
one transaction, and a crash costs nothing but reading again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.changes import Applied, Change, Scalar
from shared.domain.reasons import Reason
from shared.domain.records import Freezes, Storm, WorkloadRecord
from shared.domain.response import Outcome, Response, Step
from shared.domain.workloads import WorkloadRef

Facts = Mapping[str, Scalar]


@dataclass(frozen=True)
class Case:
    """A response and what the table knows around it."""

    response: Response
    record: WorkloadRecord
    freezes: Freezes
    storm: Storm


@dataclass(frozen=True)
class Done:
    """The step is finished. `to` names the step to go to instead of the next in the plan.

    Without a `code` there is nothing to tell, and no event is written.
    """

    response: Response
    code: str
    facts: Facts = field(default_factory=dict)
    to: Step | None = None
    record: WorkloadRecord | None = None


@dataclass(frozen=True)
class Wait:
    """Look again at `until`. Without a `code` nothing new was learned, and no event is written."""

    response: Response
    until: datetime
    code: str = ""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Stop:
    """The response is to end; capacity that it added is taken back first."""

    response: Response
    outcome: Outcome
    reason: Reason
    detail: str = ""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Intend:
    """A change to be stored as an intent and then made. `takes_token`: it counts as an automatic rollback.

    `claims` are further workloads that the change touches: they are claimed with the intent, or it is not
    made. `notes` are records in which it is put down that this response changed something.
    """

    response: Response
    change: Change
    facts: Facts = field(default_factory=dict)
    takes_token: bool = False
    claims: tuple[WorkloadRef, ...] = ()
    notes: tuple[WorkloadRef, ...] = ()


Result = Done | Wait | Stop | Intend


@dataclass(frozen=True)
class Made:
    """What a change that was made means for the records; its step is finished with it, or goes on `to`."""

    response: Response
    code: str
    facts: Facts = field(default_factory=dict)
    to: Step | None = None
    record: WorkloadRecord | None = None


class RunbookStep(Protocol):
    """One step of the runbook; a frozen dataclass whose fields are the ports it needs."""

    def run(self, case: Case, now: datetime) -> Result:
        """Look at the world and say what follows. Raises TemporaryError and PermanentError."""
        ...

    def budget(self, response: Response) -> float:
        """Return the seconds that faults of the outside are borne in this step before it is given up."""
        ...


class ChangingStep(RunbookStep, Protocol):
    """A step that may return `Intend`; the engine makes the change, by the port whose affair it is."""

    def made(self, case: Case, change: Change, applied: Applied, now: datetime) -> Made:
        """Return the response (and the workload's record) after the change was made."""
        ...
