"""Subjects: what the present call is about, for whoever logs in it or traces it.

Kept in a context variable, so that an adapter's log line names the response it was called for.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Protocol


@dataclass(frozen=True)
class Subject:
    """A response, its workload, its step or the name of its task; `traceparent` is W3C's, of the trace."""

    response: str = ""
    workload: str = ""
    step: str = ""
    task: str = ""
    traceparent: str = ""

    def told(self) -> dict[str, str]:
        """Return what is known of it, by name."""
        known = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in known.items() if value}


_NOTHING = Subject()
_PRESENT: ContextVar[Subject] = ContextVar("subject")


def present() -> Subject:
    """Return what the present call is about."""
    return _PRESENT.get(_NOTHING)


class Learned(Protocol):
    """Takes in what a span is about that is only known at its end."""

    def __call__(self, **named: str) -> None:
        """Add it."""
        ...


class Spans(Protocol):
    """Marks the time that something takes, and what it is about; `named` as the fields of `Subject`."""

    def __call__(self, name: str, /, **named: str) -> AbstractContextManager[Learned]:
        """Return a context in which `name` goes on; what is not named stays as it is around it."""
        ...


@contextmanager
def about(_name: str, /, **named: str) -> Iterator[Learned]:
    """Have the calls within be about this; fills `Spans` where nothing is traced."""
    token = _PRESENT.set(replace(present(), **named))
    try:
        yield _forget
    finally:
        _PRESENT.reset(token)


def _forget(**named: str) -> None:
    """Learn nothing."""
