"""Checks who owns a service's workload: that a rollback would last, and that the owner may be stopped."""

from collections.abc import Mapping, Sequence

from shared.adapters.checks import cluster
from shared.adapters.checks.cluster import Right
from shared.adapters.kubernetes.connection import Connection
from shared.adapters.owners import flux
from shared.domain.owners import Ownership
from shared.domain.prerequisites import Finding, State
from shared.domain.services import Service
from shared.domain.workloads import Owner
from shared.ports import Owners, Workloads

RIGHTS: Mapping[str, Right] = {kind: Right("patch", resource) for kind, resource in flux.RESOURCES.items()}
"""What stopping takes in the owner's namespace, by its kind; that it may be read shows by itself."""

_REFUSED = "Rollbacks are refused (managed_by_owner) until then."


def check(
    workloads: Workloads, owners: Owners, connection: Connection, service: Service
) -> Sequence[Finding]:
    """Look at the owner as a response would; nothing is found where nobody owns the workload.

    Raises BackoutError when the cluster or the owner does not answer, or refuses.
    """
    workload = workloads.read(service.workload)
    owner = workload.owner if workload is not None else None
    if workload is None or owner is None:
        return []
    name = f"owner of {service.name}"
    seen = owners.look(workload)
    if seen is None:
        return [_unknown(name, owner)]
    if seen.obstacle:
        return [Finding(name, State.BROKEN, seen.obstacle, f"Have that changed. {_REFUSED}")]
    right = RIGHTS.get(seen.kind)
    if right is not None and cluster.denied(connection, seen.namespace, [right]):
        mend = f"Grant it by a Role and a RoleBinding in the namespace {seen.namespace}. {_REFUSED}"
        return [Finding(name, State.MISSING, f"{seen}: not granted: {right}", mend)]
    return [Finding(name, State.OK, f"{seen}: {_told(seen)}")]


def _unknown(name: str, owner: Owner) -> Finding:
    told = f"{owner.kind} {owner.name}: {owner.why}"
    if not owner.undoes_us:
        return Finding(name, State.OK, told)
    mend = f"Configure access to it under `owners`, where Backout knows its kind. {_REFUSED}"
    return Finding(name, State.BROKEN, told, mend)


def _told(seen: Ownership) -> str:
    if seen.running:
        return "is stopped for a rollback"
    return f"is stopped by response {seen.stopped_by}" if seen.stopped_by else "undoes no rollback now"
