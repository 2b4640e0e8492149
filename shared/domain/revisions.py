"""Choosing the revision to go back to: never "the previous one" blindly.

A second ``kubectl rollout undo`` rolls forward to the bad version, and the revision before may itself be
bad. So candidates are the distinct other revisions, newest first, without those Backout rolled away from;
one is taken only if it was healthy before its successor came, was seen healthy by Backout, or is named.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.workloads import Revision, Workload

LOOK_BACK = 5
"""How many candidates are looked at before it is said that there is nothing to go back to."""


class Health(StrEnum):
    """What is known of how a revision did while it ran."""

    HEALTHY = "healthy"
    BREACHED = "breached"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Candidate:
    """A revision that could be restored, and until when it was the one that ran (None: not told)."""

    revision: Revision
    ran_until: datetime | None


def candidates(workload: Workload, quarantined: Collection[str]) -> tuple[Candidate, ...]:
    """Return the revisions that could be restored, newest first.

    Each ran until its successor began. Past a revision that was used again, which may have run between any
    two older ones too, nobody can tell when that was.
    """
    found = []
    successor_began_at = workload.rollout_began_at
    told = workload.current.began_at is not None
    for revision in workload.revisions:
        if revision.template_id == workload.template_id:
            continue
        if revision.template_id not in quarantined:
            found.append(Candidate(revision, successor_began_at))
        told = told and revision.began_at is not None
        successor_began_at = revision.began_at if told else None
    return tuple(found)


@dataclass(frozen=True)
class Pick:
    """What choosing came to: a revision with why; or which candidate to look at next; or nothing."""

    revision: Revision | None = None
    why: str = ""
    sure: bool = False
    look_at: Candidate | None = None


def choose(
    found: tuple[Candidate, ...],
    *,
    health: Mapping[str, Health],
    known_good: Collection[str],
) -> Pick:
    """Choose the newest candidate that was healthy; ask to look at one whose health is not in `health`.

    A breached candidate is passed over; the first unknown one is picked, not `sure`, for a person to
    confirm. An empty pick means that there is nothing to go back to.
    """
    for candidate in found[:LOOK_BACK]:
        template_id = candidate.revision.template_id
        if template_id in known_good:
            return Pick(candidate.revision, "seen healthy by Backout before", sure=True)
        if template_id not in health:
            return Pick(look_at=candidate)
        if health[template_id] is Health.HEALTHY:
            return Pick(candidate.revision, "healthy before its successor was rolled out", sure=True)
        if health[template_id] is Health.UNKNOWN:
            return Pick(candidate.revision, "not shown to have been healthy", sure=False)
    return Pick()


def named(workload: Workload, number: int) -> Pick:
    """Choose the revision that a person named by its number; empty when the history has none such."""
    for revision in workload.revisions:
        if revision.number == number and revision.template_id != workload.template_id:
            return Pick(revision, f"named by a person (revision {number})", sure=True)
    return Pick()


def schema_fits(current: Revision, candidate: Revision, *, at_least: int | None = None) -> bool:
    """Return whether the candidate's code works with the database as the current revision left it.

    `at_least` is what the configuration says where the current revision declares nothing.

    A current revision that declares the oldest schema it leaves usable, and a candidate that declares
    none, do not fit: what is not known to work is not tried on a database.
    """
    needed = current.schema_at_least if current.schema_at_least is not None else at_least
    if needed is None:
        return True
    return candidate.schema is not None and candidate.schema >= needed
