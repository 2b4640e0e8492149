"""Prerequisites: what must be in place before an alert fires, and what was found of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What was found."""

    OK = "ok"
    MISSING = "missing"  # configured or needed, and not there
    BROKEN = "broken"  # there, and does not work
    OFF = "off"  # not configured, or not needed


@dataclass(frozen=True)
class Finding:
    """One prerequisite: what was found of it, and how to mend what is not as it should be.

    No field ever holds a secret.
    """

    name: str
    state: State
    detail: str
    mend: str = ""


def ok(findings: Iterable[Finding]) -> bool:
    """Return whether everything that is needed is there and works; what is off does not count."""
    return all(finding.state in (State.OK, State.OFF) for finding in findings)
