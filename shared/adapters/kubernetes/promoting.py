"""Promoting what was put back: an Argo Rollout's controller leaves out its steps, pauses and analyses.

On seeing a new template, the controller takes back what was asked of the update before. So it is asked once
its status names the template that was put back, and not sooner.
"""

import logging
import time
from collections.abc import Sequence

from shared.adapters.kubernetes import argo_rollouts, wire
from shared.adapters.kubernetes.aborting import CONFLICT, patch_status
from shared.adapters.kubernetes.connection import Budget, Connection
from shared.adapters.kubernetes.reading import Look, Reader
from shared.adapters.kubernetes.revisions import Held
from shared.domain.changes import MARKER, RestoreRevision
from shared.domain.reasons import Reason
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError, TemporaryError

PAUSE_SECONDS = 0.1
KEPT_SECONDS = 1.0
"""What is kept of a call's time for one more look and the request."""

_log = logging.getLogger("backout.kubernetes")


def is_called_for(look: Look, change: RestoreRevision) -> bool:
    """Return whether the controller would bring the revision back in steps.

    It does not when that one is still stable, nor within the Rollout's own window for rollbacks.
    """
    strategy = look.object.spec.strategy
    has_steps = strategy.blue_green is not None or bool(strategy.canary and strategy.canary.steps)
    stable = argo_rollouts.of_hash(look.held, look.object.status.stable_rs)
    target = next((h for h in look.held if h.name == change.revision_name), None)
    if not has_steps or stable is None or target is None or target is stable:
        return False
    window = look.object.spec.rollback_window
    return window is None or not _is_within(window.revisions, target, stable, look.held)


def _is_within(revisions: int, target: Held, stable: Held, held: Sequence[Held]) -> bool:
    between = [h for h in held if target.created_at < h.created_at < stable.created_at]
    return target.created_at < stable.created_at and len(between) < revisions


def promote(
    connection: Connection, reader: Reader, change: RestoreRevision, look: Look | None, budget: Budget
) -> None:
    """Have what this response put back promoted, unless that was asked for, or is no longer ours to ask.

    Raises TemporaryError when the controller does not see the template in time. A cluster that refuses leaves
    the revision to come back in steps: the change itself was made, and is not to be taken for failed.
    """
    while look is not None and _is_ours(look, change) and is_called_for(look, change):
        if _is_seen(look, change):
            status = look.object.status
            if status.promote_full or status.abort or _ask(connection, change.workload, look, budget):
                return
        if budget.left() < KEPT_SECONDS:
            text = f"the controller of Argo Rollouts has not taken up the template of {change.workload} yet"
            raise TemporaryError(f"{text}; see that it runs", reason=Reason.ROLLOUT_TIMEOUT)
        time.sleep(PAUSE_SECONDS)
        look = reader.look(change.workload, budget)


def _is_ours(look: Look, change: RestoreRevision) -> bool:
    """Return whether the spec is what this response made of it, and nobody holds it."""
    is_marked = look.object.metadata.annotations.get(MARKER) == change.response_id
    return is_marked and look.written.id == change.to_template_id and not look.object.spec.paused


def _is_seen(look: Look, change: RestoreRevision) -> bool:
    """Return whether the status is that of the template put back; the generation alone does not tell."""
    seen = argo_rollouts.of_hash(look.held, look.object.status.current_pod_hash)
    return look.object.is_observed and seen is not None and seen.template.id == change.to_template_id


def _ask(connection: Connection, ref: WorkloadRef, look: Look, budget: Budget) -> bool:
    """Ask, if the Rollout is still as it was looked at; return whether there is no more to ask."""
    version = look.object.metadata.resource_version
    body = {"metadata": {"resourceVersion": version}, "status": {"promoteFull": True}}
    answer = patch_status(connection, ref, body, budget)
    if answer.missing or answer.status == CONFLICT:
        return False
    try:
        if not answer.read(wire.Workload).status.promote_full:
            _log.warning("the cluster took the patch that promotes %s, and did not set it", ref)
    except PermanentError as error:
        _log.warning("%s was put back and goes through its steps: %s", ref, error)
    return True
