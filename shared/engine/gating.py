"""Gates: whether a service may be deployed.

A gate is no state of its own: the workload's record says which response rolled it back last, and that
response's history whether a person has opened the gate since.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.domain.records import Restored
from shared.domain.workloads import WorkloadRef
from shared.ports import Records

VERB = "ungate"


@dataclass(frozen=True)
class Gate:
    """The gate of a workload that was rolled back: by which response, and whether it is closed still."""

    restored: Restored
    closed: bool


@dataclass(frozen=True)
class Gates:
    """The gates of workloads, by one read of their records and one of the responses that rolled them back."""

    records: Records

    def looked(self, refs: Collection[WorkloadRef]) -> Mapping[WorkloadRef, Gate]:
        """Return the gate of each workload that was ever rolled back.

        A rollback whose response is not to be found keeps it closed: nobody can have opened it.
        """
        read = self.records.read(workloads=refs).workloads
        restored = {ref: r.value.restored for ref, r in read.items() if r.value.restored is not None}
        ids = {each.response_id for each in restored.values()}
        states = self.records.read(responses=ids).states if ids else {}
        opened = {id_ for id_, state in states.items() if state.response.heard.word(VERB) is not None}
        return {ref: Gate(each, each.response_id not in opened) for ref, each in restored.items()}

    def closing(self, refs: Collection[WorkloadRef]) -> Mapping[WorkloadRef, Restored]:
        """Return the rollback that keeps the gate closed, of each workload whose gate is."""
        return {ref: gate.restored for ref, gate in self.looked(refs).items() if gate.closed}
