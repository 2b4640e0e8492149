"""Restarting a workload's pods one after the other, as ``kubectl rollout restart`` does."""

from collections.abc import Mapping

from shared.adapters.kubernetes.reading import Look
from shared.adapters.kubernetes.templates import RESTARTED_AT
from shared.domain.changes import Applied, RestartWorkload

TEMPLATE = "/spec/template"


def as_decided(look: Look, change: RestartWorkload) -> bool:
    """Return whether the workload is as it was when the restart was decided on."""
    return look.generation == change.generation and look.template.id == change.template_id


def is_done(look: Look, change: RestartWorkload) -> bool:
    """Return whether the template carries the time of this restart."""
    return _annotations(look).get(RESTARTED_AT) == change.at


def settled(look: Look, change: RestartWorkload) -> Applied:
    """Return what is to be said when nothing was changed: it had been, or the world moved."""
    return Applied.ALREADY if is_done(look, change) else Applied.MOVED


def operations(look: Look, change: RestartWorkload) -> list[Mapping[str, object]]:
    """Return the operations of the patch; it tests the generation, so the template is as it was looked at.

    What is missing on the way to the annotation (a template may have no metadata at all) is made.
    """
    metadata = look.template.json.get("metadata")
    made: list[Mapping[str, object]] = []
    if not metadata:
        made.append({"op": "add", "path": f"{TEMPLATE}/metadata", "value": {}})
    if not _annotations(look):
        made.append({"op": "add", "path": f"{TEMPLATE}/metadata/annotations", "value": {}})
    key = RESTARTED_AT.replace("/", "~1")
    return [
        {"op": "test", "path": "/metadata/uid", "value": look.uid},
        {"op": "test", "path": "/metadata/generation", "value": change.generation},
        *made,
        {"op": "add", "path": f"{TEMPLATE}/metadata/annotations/{key}", "value": change.at},
    ]


def _annotations(look: Look) -> Mapping[str, str]:
    metadata = look.template.json.get("metadata") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    return annotations
