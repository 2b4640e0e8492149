"""Aborting an Argo Rollout's update: traffic and pods go back to its stable ReplicaSet at once."""

from shared.adapters.kubernetes import resources, wire
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.adapters.kubernetes.reading import Look
from shared.adapters.kubernetes.resources import MERGE_PATCH, ROLLOUTS
from shared.domain.changes import MARKER, AbortRollout
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError

CONFLICT = 409


def as_decided(look: Look, change: AbortRollout) -> bool:
    """Return whether the update under way is the one decided on.

    A spec that the controller has not seen is none: on seeing it, it takes the abort back.
    """
    standing = look.standing
    is_same = look.generation == change.generation and standing.template.id == change.from_template_id
    return is_same and standing.stable_id == change.to_template_id and look.object.is_observed


def abort(connection: Connection, change: AbortRollout, look: Look, budget: Budget) -> bool:
    """Mark the Rollout and abort it; return whether it was still as it was looked at.

    A patch of the status cannot carry the annotation that says whose it is, so that goes first, and the
    abort tests the version which that made: what is found aborted and marked is ours, whatever was lost.
    """
    ref = change.workload
    version = look.object.metadata.resource_version
    mark = {"metadata": {"resourceVersion": version, "annotations": {MARKER: change.response_id}}}
    request = resources.patch(ROLLOUTS, ref.namespace, ref.name, kind=MERGE_PATCH, body=mark)
    marked = connection.send(request, budget)
    if marked.missing or marked.status == CONFLICT:
        return False
    version = marked.read(wire.Versioned).metadata.resource_version
    body = {"metadata": {"resourceVersion": version}, "status": {"abort": True}}
    answer = patch_status(connection, ref, body, budget)
    if answer.missing or answer.status == CONFLICT:
        return False
    if not answer.read(wire.Workload).status.abort:
        raise PermanentError(f"the cluster took the patch that aborts {ref}, and did not set status.abort")
    return True


def patch_status(connection: Connection, ref: WorkloadRef, body: object, budget: Budget) -> Answer:
    """Patch a Rollout's status, or where its definition has no such subresource, itself, as kubectl does."""
    for subresource in ("status", ""):
        request = resources.patch(
            ROLLOUTS, ref.namespace, ref.name, subresource=subresource, kind=MERGE_PATCH, body=body
        )
        answer = connection.send(request, budget)
        if answer.status != 404:
            break
    return answer
