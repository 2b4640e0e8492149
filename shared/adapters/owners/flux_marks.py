"""What Flux's objects say of themselves: whose suspension one is, who applies it, what it is doing now."""

from shared.adapters.kubernetes import resources
from shared.adapters.owners import flux_wire as wire
from shared.domain.changes import MARKER

BY_HAND = frozenset({resources.FIELD_MANAGER, "flux", "kubectl"})
"""Field managers that apply when someone tells them to, and not again by themselves."""
APPLYING = (
    "Fulfilling prerequisites",
    "Reconciliation in progress",
    "Fetching manifests",
    "Building manifests",
    "Detecting drift",
)
"""How the steps of a reconciliation are told up to the one that applies; waiting for pods comes after."""


def is_named(namespace: str, name: str) -> bool:
    """Return whether there can be such an object; other names must not get into a path."""
    return resources.is_name(namespace) and resources.is_name(name)


def is_ours(found: wire.Reconciled, response_id: str) -> bool:
    """Return whether the response has suspended it, and it still is."""
    return found.spec.suspend and found.metadata.annotations.get(MARKER) == response_id


def applied_by(found: wire.Reconciled) -> tuple[str, str]:
    """Return the namespace and name of the Kustomization that applies an object, empty where none does."""
    labels = found.metadata.labels
    return labels.get(f"{wire.KUSTOMIZE}/namespace", ""), labels.get(f"{wire.KUSTOMIZE}/name", "")


def applied_again(kind: str, found: wire.Reconciled) -> str:
    """Say who would start it again because what it applies sets `suspend`; empty where nobody would."""
    appliers = [
        entry.manager
        for entry in found.metadata.managed_fields
        if entry.operation == "Apply"
        and entry.manager not in BY_HAND
        and entry.fields_v1.spec.suspend is not None
    ]
    if not appliers:
        return ""
    namespace, name = applied_by(found)
    who = f"the Flux Kustomization {namespace}/{name}" if name else f"the field manager {appliers[0]}"
    told = f"{kind} {found.metadata.namespace}/{found.metadata.name}"
    return (
        f"{who} sets spec.suspend of the {told} and would start it again: take it out of the manifest in git"
    )


def is_applying(found: wire.Reconciled) -> bool:
    """Return whether a reconciliation is under way that may still put the workload back.

    A suspension does not end it. One that failed says so by another reason, until it is tried again.
    """
    told = {condition.type: condition for condition in found.status.conditions}
    doing, ready = told.get("Reconciling"), told.get("Ready")
    return (
        doing is not None
        and (doing.status, doing.reason) == ("True", "Progressing")
        and doing.message.startswith(APPLYING)
        and (ready is None or ready.status != "False")
    )
