"""Flux as an owner: a Kustomization or a HelmRelease is suspended for a rollback, and resumed after it.

Flux goes back by git alone, so once it is suspended the pod template is restored as under nobody. What it
takes to do so is all in the cluster: `spec.suspend`, and an annotation that says whose suspension it is.
"""

from collections.abc import Mapping

from shared.adapters.kubernetes import resources
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.adapters.kubernetes.resources import Resource
from shared.adapters.owners import flux_wire as wire
from shared.adapters.owners.flux_marks import applied_again, is_applying, is_named, is_ours
from shared.adapters.owners.flux_sources import FluxObjects, commit_of
from shared.domain.changes import MARKER, Applied, OwnerChange, ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Ownership, Source, Suspension, Target
from shared.domain.reasons import Reason
from shared.domain.workloads import Owner, Revision, Workload
from shared.errors import PermanentError, TemporaryError

KUSTOMIZATION = "Flux Kustomization"
HELM_RELEASE = "Flux HelmRelease"
RESOURCES: Mapping[str, Resource] = {
    KUSTOMIZATION: wire.KUSTOMIZATIONS,
    HELM_RELEASE: wire.HELM_RELEASES,
}

REQUESTED = "reconcile.fluxcd.io/requestedAt"
CONFLICT = 409
RUNNING, SUSPENDED = "false", "true"
VALUES = "the chart's values in git still name the version that was rolled away from"


class FluxOwner:
    """The port `Owners` for one kind of Flux's, `KUSTOMIZATION` or `HELM_RELEASE`.

    `connection` is that to the workloads' cluster. A call, all its requests together, ends within
    `timeout_seconds`. Fit for use by many threads.
    """

    def __init__(self, connection: Connection, kind: str, *, timeout_seconds: float = 10.0) -> None:
        self._connection = connection
        self._kind = kind
        self._resource = RESOURCES[kind]
        self._objects = FluxObjects(connection)
        self._timeout_seconds = timeout_seconds

    def look(self, workload: Workload) -> Ownership | None:
        owner = workload.owner
        if owner is None or owner.kind != self._kind:
            return None
        if not is_named(owner.namespace, owner.name):
            unclear = f"the workload's labels do not tell which {self._kind} it belongs to"
            obstacle = unclear if owner.undoes_us else ""
            return Ownership(self._kind, owner.namespace, owner.name, obstacle=obstacle)
        budget = self._budget()
        found = self._find(owner.namespace, owner.name, budget)
        if found is None:
            return Ownership(self._kind, owner.namespace, owner.name)
        return self._ownership(owner, found, budget)

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        return None

    def apply(self, change: OwnerChange) -> Applied:
        match change:
            case StopOwner():
                return self._stop(change, self._budget())
            case ResumeOwner():
                return self._resume(change, self._budget())
            case RollBackByOwner():
                text = f"{change.kind} {change.namespace}/{change.name} has no rollback of its own"
                raise PermanentError(f"{text}: revert the commit in git", reason=Reason.MANAGED_BY_OWNER)

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        """Return whether what it would sync to is at `commit`; one that is gone syncs to nothing.

        Whether a later commit holds it is not for the cluster to tell, and counts as no.
        """
        if not commit or not is_named(suspension.namespace, suspension.name):
            return False
        budget = self._budget()
        found = self._find(suspension.namespace, suspension.name, budget)
        if found is None:
            return True
        applier = self._objects.applier(found, self._resource, budget)
        if applier is None:
            return False
        if self._kind == HELM_RELEASE:  # its values are in the cluster once they have been applied
            return commit_of(applier.status.last_applied_revision) == commit
        git = self._objects.git(applier, budget)
        return git is not None and commit_of(git.status.artifact.revision) == commit

    def _budget(self) -> Budget:
        return Budget(self._timeout_seconds)

    def _find(self, namespace: str, name: str, budget: Budget) -> wire.Reconciled | None:
        return self._objects.find(self._resource, namespace, name, wire.Reconciled, budget)

    def _ownership(self, owner: Owner, found: wire.Reconciled, budget: Budget) -> Ownership:
        running = owner.undoes_us and not found.spec.suspend
        source, untold = self._source(found, budget)
        notes = (VALUES if self._kind == HELM_RELEASE else "", untold)
        return Ownership(
            self._kind,
            owner.namespace,
            owner.name,
            obstacle=applied_again(self._kind, found) if running else "",
            running=running,
            stopped_by=found.metadata.annotations.get(MARKER, "") if found.spec.suspend else "",
            version=found.metadata.resource_version,
            before=SUSPENDED if found.spec.suspend else RUNNING,
            note="; ".join(filter(None, notes)),
            source=source,
        )

    def _source(self, found: wire.Reconciled, budget: Budget) -> tuple[Source, str]:
        """Return the source, or why it cannot be told: a rollback does not need the right to read it."""
        try:
            return self._objects.source(found, self._resource, budget), ""
        except PermanentError as error:
            if error.reason is not Reason.FORBIDDEN:
                raise
            return Source(), f"where it comes from in git is not known: {error}"

    def _stop(self, change: StopOwner, budget: Budget) -> Applied:
        found = self._find(change.namespace, change.name, budget)
        if found is None or found.spec.suspend or found.metadata.resource_version != change.version:
            return _stopped(found, change)
        if is_applying(found):
            raise _busy(change, "is being reconciled, and would put the workload back all the same")
        answer = self._patch(change, found, {MARKER: change.response_id}, budget, suspend=True)
        if answer.status not in (CONFLICT, 404):
            answer.read(wire.Reconciled)
            return Applied.CHANGED
        return _stopped(self._find(change.namespace, change.name, budget), change)

    def _resume(self, change: ResumeOwner, budget: Budget) -> Applied:
        found = self._find(change.namespace, change.name, budget)
        if found is None or not is_ours(found, change.response_id):
            return _resumed(found)
        annotations = {MARKER: None, REQUESTED: change.response_id}
        answer = self._patch(change, found, annotations, budget, suspend=change.before == SUSPENDED)
        if answer.status not in (CONFLICT, 404):
            answer.read(wire.Reconciled)
            return Applied.CHANGED
        now = self._find(change.namespace, change.name, budget)
        if now is not None and is_ours(now, change.response_id):
            raise TemporaryError(
                f"{change.kind} {change.namespace}/{change.name} changed while it was resumed"
            )
        return _resumed(now)

    def _patch(
        self,
        change: StopOwner | ResumeOwner,
        found: wire.Reconciled,
        annotations: Mapping[str, str | None],
        budget: Budget,
        *,
        suspend: bool,
    ) -> Answer:
        """Send the change of `spec.suspend`, which is refused (409) if the object is not as it was found."""
        body = {
            "metadata": {"resourceVersion": found.metadata.resource_version, "annotations": annotations},
            "spec": {"suspend": suspend},
        }
        request = resources.patch(
            self._resource, change.namespace, change.name, kind=resources.MERGE_PATCH, body=body
        )
        return self._connection.send(request, budget)


def _stopped(found: wire.Reconciled | None, change: StopOwner) -> Applied:
    """Return what is to be said when it was not suspended: this response has done so, or it moved."""
    ours = found is not None and is_ours(found, change.response_id)
    return Applied.ALREADY if ours else Applied.MOVED


def _resumed(found: wire.Reconciled | None) -> Applied:
    """Return what is to be said when it was not resumed.

    Resuming takes the mark away in the same write. One that runs with a mark was resumed by someone else.
    """
    done = found is not None and not found.spec.suspend and MARKER not in found.metadata.annotations
    return Applied.ALREADY if done else Applied.MOVED


def _busy(change: StopOwner | ResumeOwner, why: str) -> TemporaryError:
    text = f"{change.kind} {change.namespace}/{change.name} {why}"
    return TemporaryError(text, retry_after=1.0, reason=Reason.WORLD_KEEPS_MOVING)
