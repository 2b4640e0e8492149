"""Owners of workloads, one file for each kind, behind the port `Owners`."""

from collections.abc import Mapping

from shared.domain.changes import Applied, OwnerChange
from shared.domain.owners import Ownership, Suspension, Target
from shared.domain.reasons import Reason
from shared.domain.workloads import Revision, Workload
from shared.errors import PermanentError
from shared.ports import Owners


class OwnersByKind:
    """Asks the adapter of an owner's kind (`Owner.kind`); of other kinds nothing is known."""

    def __init__(self, adapters: Mapping[str, Owners]) -> None:
        self._adapters = adapters

    def look(self, workload: Workload) -> Ownership | None:
        adapter = self._adapters.get(workload.owner.kind) if workload.owner is not None else None
        return adapter.look(workload) if adapter is not None else None

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        return self._of(ownership.kind).target(workload, ownership, to)

    def apply(self, change: OwnerChange) -> Applied:
        return self._of(change.kind).apply(change)

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        return self._of(suspension.kind).in_step(suspension, commit=commit)

    def _of(self, kind: str) -> Owners:
        adapter = self._adapters.get(kind)
        if adapter is None:
            raise PermanentError(
                f"the configuration has no access to {kind} (any more)", reason=Reason.MANAGED_BY_OWNER
            )
        return adapter
