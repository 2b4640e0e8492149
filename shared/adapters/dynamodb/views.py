"""What one batched read asks for, and the view that the items found make."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.adapters.dynamodb import items
from shared.adapters.dynamodb.items import Item, Key
from shared.domain.records import Freezes, Storm, WorkloadRecord
from shared.domain.workloads import WorkloadRef
from shared.ports import Versioned, View


@dataclass(frozen=True)
class Asked:
    """The arguments of `Records.read`."""

    responses: Collection[str]
    workloads: Collection[WorkloadRef]
    deliveries: Collection[tuple[str, str]]
    freezes: bool
    storm: str | None

    @property
    def keys(self) -> list[Key]:
        """The keys to read, each once: DynamoDB refuses a batch with a key twice."""
        wanted = [
            *(items.response_key(id_) for id_ in self.responses),
            *(items.workload_key(ref) for ref in self.workloads),
            *(items.delivery_key(source, key) for source, key in self.deliveries),
            *([items.FREEZES_KEY] if self.freezes else []),
            *([items.storm_key(self.storm)] if self.storm is not None else []),
        ]
        return list(dict.fromkeys(wanted))

    def view(self, found: Mapping[Key, Item]) -> View:
        """Return the view; what is not in the table is left out or comes at version 0."""
        states = {id_: found.get(items.response_key(id_)) for id_ in self.responses}
        workloads = {ref: found.get(items.workload_key(ref)) for ref in self.workloads}
        deliveries = {pair: found.get(items.delivery_key(*pair)) for pair in self.deliveries}
        freezes = found.get(items.FREEZES_KEY)
        storm = found.get(items.storm_key(self.storm)) if self.storm is not None else None
        return View(
            states={id_: items.state(item) for id_, item in states.items() if item},
            workloads={
                ref: items.workload(item) if item else Versioned(WorkloadRecord(ref), 0)
                for ref, item in workloads.items()
            },
            deliveries={pair: items.delivery(item) for pair, item in deliveries.items() if item},
            freezes=items.freezes(freezes) if freezes else Versioned(Freezes(), 0),
            storm=items.storm(storm) if storm else Versioned(Storm(), 0),
        )
