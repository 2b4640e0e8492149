"""What the engine knows of a task's kind, and a kind of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.changes import Scalar
from shared.domain.response import Response, Task

GIVEN_UP = "given up"
"""How the result of a task begins that is not tried any more."""


@dataclass(frozen=True)
class Finished:
    """The task is done; `result` is one line for people. `then` are tasks that follow from it.

    `facts` are kept on the task beside those it was made with: what it has found.
    """

    result: str
    receipt: str = ""
    then: tuple[Task, ...] = ()
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Later:
    """The task is to be looked at again at `until`; this was no failed attempt. `why` is for people."""

    until: datetime
    why: str = ""


class TaskKind(Protocol):
    """One kind of task; a frozen dataclass whose fields are the ports it needs."""

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Do what is owed. Raises TemporaryError (tried again later) and PermanentError (given up)."""
        ...
