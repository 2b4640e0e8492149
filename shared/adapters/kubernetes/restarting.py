"""Restarting a workload's pods one after the other, as ``kubectl rollout restart`` does.

An Argo Rollout is restarted as ``kubectl argo rollouts restart`` does it: its template is left alone, for a
change of that would be an update, with all of its steps.
"""

from collections.abc import Mapping

from shared.adapters.kubernetes.reading import Look
from shared.adapters.kubernetes.templates import RESTARTED_AT
from shared.domain.changes import Applied, RestartWorkload

TEMPLATE = "/spec/template"
ROLLOUT = "rollout"


def as_decided(look: Look, change: RestartWorkload) -> bool:
    """Return whether the workload is, for sure, as it was when the restart was decided on."""
    is_same = look.generation == change.generation and look.template.id == change.template_id
    return is_same and look.standing.is_sure


def is_done(look: Look, change: RestartWorkload) -> bool:
    """Return whether the workload carries the time of this restart."""
    if change.workload.kind == ROLLOUT:
        return look.object.spec.restart_at == change.at
    return _annotations(look).get(RESTARTED_AT) == change.at


def settled(look: Look, change: RestartWorkload) -> Applied:
    """Return what is to be said when nothing was changed: it had been, or the world moved."""
    return Applied.ALREADY if is_done(look, change) else Applied.MOVED


def operations(look: Look, change: RestartWorkload) -> list[Mapping[str, object]]:
    """Return the operations of the patch; it tests the generation, so the spec is as it was looked at."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": look.uid},
        {"op": "test", "path": "/metadata/generation", "value": change.generation},
        *(_dated(change) if change.workload.kind == ROLLOUT else _annotated(look, change)),
    ]


def _dated(change: RestartWorkload) -> list[Mapping[str, object]]:
    return [{"op": "add", "path": "/spec/restartAt", "value": change.at}]


def _annotated(look: Look, change: RestartWorkload) -> list[Mapping[str, object]]:
    """Return what annotates the template, and makes what is missing on the way there."""
    made: list[Mapping[str, object]] = []
    if not look.template.json.get("metadata"):
        made.append({"op": "add", "path": f"{TEMPLATE}/metadata", "value": {}})
    if not _annotations(look):
        made.append({"op": "add", "path": f"{TEMPLATE}/metadata/annotations", "value": {}})
    key = RESTARTED_AT.replace("/", "~1")
    return [*made, {"op": "add", "path": f"{TEMPLATE}/metadata/annotations/{key}", "value": change.at}]


def _annotations(look: Look) -> Mapping[str, str]:
    metadata = look.template.json.get("metadata") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    return annotations
