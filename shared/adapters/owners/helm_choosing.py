"""Choosing the version of a Helm release to go back to."""

from collections.abc import Iterator

from shared.adapters.owners.helm_releases import GOOD, History, Rendered, Version, rendered_as
from shared.domain.workloads import Revision, Workload, WorkloadRef

CONSIDERED = 20
"""How many versions are looked at: each holds a whole chart."""

Held = tuple[Version, Rendered]
"""A version, and the workload as its manifest has it."""


def before(history: History, number: int, ref: WorkloadRef) -> Iterator[Held]:
    """Yield the versions before that one which were installed whole and hold the workload, newest first."""
    earlier = [v for v in history.versions if v.number < number and v.status in GOOD]
    for version in earlier[:CONSIDERED]:
        held = rendered_as(history.release(version.number), ref)
        if held is not None:
            yield version, held


def last_good(history: History, number: int, workload: Workload) -> int | None:
    """Return the newest version before that one with other images than what runs, to be named to people."""
    running = dict(workload.current.images)
    held = before(history, number, workload.ref)
    return next((version.number for version, ours in held if dict(ours.images) != running), None)


def bringing(to: Revision, history: History, number: int, ref: WorkloadRef) -> Version | None:
    """Return the newest version before that one which has the revision's pod template.

    A manifest cannot be compared with what the API server filled in, so images are. Where versions of the
    same images differ in their templates, the one that made the revision tells which is meant: the newest
    whose Secret was stored before the revision began.
    """
    current = rendered_as(history.release(number), ref)
    same = [
        (version, ours)
        for version, ours in before(history, number, ref)
        if dict(ours.images) == dict(to.images) and (current is None or ours.template != current.template)
    ]
    if len({ours.template for _, ours in same}) > 1:
        maker = next((ours for version, ours in same if _made(version, to)), None)
        same = [(version, ours) for version, ours in same if maker and ours.template == maker.template]
    return same[0][0] if same else None


def _made(version: Version, revision: Revision) -> bool:
    """Return whether the version came before the revision; a revision used again is not dated."""
    return revision.began_at is not None and version.created_at <= revision.began_at
