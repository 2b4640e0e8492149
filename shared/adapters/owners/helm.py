"""Helm releases as owners of workloads: read from the cluster's Secrets, rolled back by the program ``helm``.

No controller runs for a release, so nothing undoes a restored pod template until the next ``helm upgrade``.
That is what is done without a program, with a note that says how to roll the release back by hand.
"""

from dataclasses import replace
from datetime import UTC, datetime

from shared.adapters.kubernetes import resources, wire
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.adapters.owners import helm_choosing as choosing
from shared.adapters.owners import helm_claims as claims
from shared.adapters.owners import helm_releases as releases
from shared.adapters.owners.helm_program import Ended, HelmProgram, clean, refused
from shared.adapters.owners.helm_releases import History, Release, Version
from shared.domain.changes import Applied, OwnerChange, RollBackByOwner
from shared.domain.owners import Ownership, Suspension, Target
from shared.domain.workloads import Revision, Workload
from shared.errors import PermanentError, TemporaryError
from shared.ports import Clock

KIND = "Helm"

_READ_BACK_SECONDS = 2.0
_FORBIDDEN = 403
_CONFLICT = 409


class HelmOwner:
    """The port `Owners` for Helm's releases, kept in Secrets as they are by default.

    `program` is the path of a helm (3 or 4), or empty: then pod templates alone are restored. `kubeconfig`
    is the program's; without one it finds the cluster by itself. A call ends within `seconds`.

    Helm compares nothing: it rolls back whatever is newest when it looks. Responses keep each other out by
    claims. An upgrade that begins between the read-back here and Helm's look is found out afterwards and told
    as an error; it is not kept from happening.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        program: str = "",
        kubeconfig: str = "",
        seconds: float = 12.0,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._path = program
        self._program = HelmProgram(program, kubeconfig=kubeconfig)
        self._seconds = seconds
        self._clock = clock

    def look(self, workload: Workload) -> Ownership | None:
        owner = workload.owner
        if owner is None or owner.kind != KIND:
            return None
        namespace = owner.namespace or workload.ref.namespace
        alone = Ownership(KIND, namespace, owner.name)
        if not (resources.is_name(namespace) and resources.is_name(owner.name)):
            return _template_alone(alone, "its marks name no release that there can be")
        answer = self._asked(namespace, owner.name, Budget(self._seconds))
        if answer.status == _FORBIDDEN:
            return _template_alone(alone, str(answer.refusal()), advice=_by_hand(alone))
        return self._owned(workload, alone, _history(answer))

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        answer = self._asked(ownership.namespace, ownership.name, Budget(self._seconds))
        history, seen = _history(answer), ownership.version
        chosen = choosing.bringing(to, history, int(seen), workload.ref)
        release = history.release(chosen.number) if chosen is not None else None
        return Target(str(release.version), seen, release.told) if release is not None else None

    def apply(self, change: OwnerChange) -> Applied:
        if not isinstance(change, RollBackByOwner):
            raise PermanentError(f"nothing runs for a Helm release that could be stopped: {change.name}")
        if not (resources.is_name(change.namespace) and resources.is_name(change.name)):
            raise PermanentError(f"there can be no Helm release {change.namespace}/{change.name}")
        if self._program.is_running(change.namespace, change.name):
            raise _under_way(change)
        budget = Budget(self._seconds)
        now = _history(self._asked(change.namespace, change.name, budget))
        if not _is_as_seen(now, change):
            return _settled(now, change)
        self._claim(now, change, budget)
        left = budget.left() - _READ_BACK_SECONDS
        if left <= 0:
            raise TemporaryError(f"reading the history of release {change.name} took too long")
        ended = self._program.roll_back(change.namespace, change.name, int(change.target), seconds=left)
        now = _history(self._asked(change.namespace, change.name, budget))
        return self._came_of(ended, now, change)

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        return False

    def _asked(self, namespace: str, name: str, budget: Budget) -> Answer:
        return self._connection.send(releases.request(namespace, name), budget)

    def _claim(self, history: History, change: RollBackByOwner, budget: Budget) -> None:
        """Mark the release as being rolled back by this response. Raises TemporaryError when another is."""
        newest, now = history.newest, self._clock()
        if newest is None or claims.is_ours(newest, change):
            return
        if claims.is_others(newest, change, now):
            raise TemporaryError(f"another response is rolling release {change.name} back")
        answer = self._connection.send(claims.request(newest, change, now), budget)
        if answer.status == _CONFLICT or answer.missing:
            raise TemporaryError(f"version {newest.number} of release {change.name} changed meanwhile")
        answer.read(releases.Secret)

    def _owned(self, workload: Workload, alone: Ownership, history: History) -> Ownership:
        """Say by whom the rollback is made: by Helm only where its newest version is what runs."""
        newest = history.newest
        if newest is None:
            return _template_alone(alone, "no Secret holds a version of it")
        release = history.release(newest.number)
        if release is None:
            why = f"its version {newest.number} cannot be read"
            return _template_alone(alone, why, advice=_by_hand(alone))
        foreign = _foreign(release, workload)
        if foreign:
            return _template_alone(alone, foreign)
        why = _unfinished(newest) or self._without_program()
        if why:
            good = choosing.last_good(history, newest.number, workload)
            return _template_alone(alone, why, advice=_by_hand(alone, good))
        held = releases.rendered(release, workload.ref.cluster)
        return Ownership(
            kind=KIND,
            namespace=alone.namespace,
            name=alone.name,
            version=str(newest.number),
            by_owner=True,
            or_template=True,
            note="the next helm upgrade installs what its chart and values say: change them first",
            companions=tuple(one.ref for one in held if one.ref != workload.ref),
        )

    def _without_program(self) -> str:
        if self._program.is_there:
            return ""
        return f"there is no program {self._path}" if self._path else "no helm program is configured"

    def _came_of(self, ended: Ended | None, now: History, change: RollBackByOwner) -> Applied:
        """Say what a run came to, by what the history holds now: the program's word alone is not enough."""
        if _is_as_seen(now, change):
            if ended is None:
                self._program.stop(change.namespace, change.name)
                raise TemporaryError(f"helm did not begin to roll back release {change.name} in time")
            raise ended.error(change.name)
        if ended is not None and ended.failed:
            if not ended.busy and _left_pending(now, change):
                text = f"{ended.error(change.name)}; the release is left {releases.PENDING_ROLLBACK}"
                raise refused(text, ended.said)
            return _settled(now, change)
        applied = _settled(now, change)
        if applied is Applied.MOVED:
            return applied
        first = now.version(int(change.seen) + 1)
        if first is not None and not _is_rollback(now, first, change):
            raise PermanentError(
                f"version {first.number} of release {change.name}, made by someone else as helm began, was "
                "rolled back too: upgrade to it again if it was meant to stay"
            )
        return Applied.CHANGED


def _history(answer: Answer) -> History:
    return releases.history(answer.read(wire.Items[releases.Secret]).items or [])


def _template_alone(alone: Ownership, why: str, *, advice: str = "") -> Ownership:
    """Return the ownership of a release that is not rolled back itself, with what to do about that."""
    note = f"only the pod template is restored, not the Helm release {alone.name}: {why}"
    return replace(alone, note=note + (f"; {advice}" if advice else ""))


def _by_hand(alone: Ownership, good: int | None = None) -> str:
    """Return what people do to make the rollback last."""
    command = f" by `helm rollback {alone.name} {good} --namespace {alone.namespace}`" if good else ""
    return f"the next helm upgrade overwrites the template, so roll the release back{command}"


def _foreign(release: Release, workload: Workload) -> str:
    """Return why the newest version has nothing to do with what runs, or nothing."""
    ours = releases.rendered_as(release, workload.ref)
    if ours is None:
        return f"its version {release.version} does not hold {workload.ref}"
    if dict(ours.images) != dict(workload.current.images):
        return f"its version {release.version} has other images than what runs"
    return ""


def _unfinished(newest: Version) -> str:
    """Return why the newest version cannot be rolled back from; one that failed can."""
    if newest.status in {*releases.GOOD, releases.FAILED}:
        return ""
    return f"its version {newest.number} is {newest.status}, so Helm is at work or was broken off"


def _is_as_seen(history: History, change: RollBackByOwner) -> bool:
    newest = history.newest
    return newest is not None and str(newest.number) == change.seen


def _is_rollback(history: History, version: Version, change: RollBackByOwner) -> bool:
    """Return whether the version brought the target back, by Helm's own words for it or by what it holds.

    Whoever did it: Helm takes no mark of ours along, and what was wanted is what is there.
    """
    release = history.release(version.number)
    target = history.release(int(change.target))
    if release is None:
        return False
    told = release.info.description == f"Rollback to {change.target}"
    return told or (target is not None and release.manifest == target.manifest)


def _left_pending(history: History, change: RollBackByOwner) -> bool:
    newest = history.newest
    return newest is not None and newest.pending and _is_rollback(history, newest, change)


def _settled(history: History, change: RollBackByOwner) -> Applied:
    """Return what is to be said where the newest version is not the one that was seen."""
    newest = history.newest
    if newest is None or not _is_rollback(history, newest, change):
        return Applied.MOVED
    if newest.status == releases.PENDING_ROLLBACK:
        raise _under_way(change)
    release = history.release(newest.number)
    said = release.info.description if release is not None else ""
    if newest.status == releases.FAILED and said.startswith("Rollback "):
        text = f"helm made version {newest.number} of {change.name}, and says: {clean(said)}"
        raise refused(text, said)
    return Applied.ALREADY if newest.status == releases.DEPLOYED else Applied.MOVED


def _under_way(change: RollBackByOwner) -> TemporaryError:
    return TemporaryError(
        f"helm is rolling release {change.name} back to {change.target}; should no helm be at it any more, "
        f"`helm rollback {change.name} {change.target} --namespace {change.namespace}` ends it"
    )
