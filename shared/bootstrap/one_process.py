"""One process: the door, the engine, and the worker that connects them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.adapters import tracing
from shared.adapters.metrics import of_this_process
from shared.bootstrap.deployed import secrets_of_aws
from shared.bootstrap.doors import Door, utc_now
from shared.bootstrap.engines import Engine
from shared.bootstrap.observing import ObservedRecords
from shared.bootstrap.outsides import Outside, outside_of
from shared.ports import Clock, Held, Records
from shared.settings import Secrets, Settings


@dataclass(frozen=True)
class Local:
    """Everything in one process: the door, the engine, and the worker that connects them."""

    door: Door
    engine: Engine
    close: Callable[[], None]


def local(
    settings: Settings,
    records: Records,
    *,
    outside: Outside | None = None,
    secrets: Secrets | None = None,
    clock: Clock = utc_now,
    kubeconfig: str | None = None,
    threads: int = 8,
) -> Local:
    """Start everything in this process; `close` stops it. Accepting hands the lease to its own worker.

    Tasks have threads of their own: a receiver that is slow to take a message holds up no response.
    """
    from shared.bootstrap.errands import Errands
    from shared.engine.worker import Worker

    secrets = secrets or secrets_of_aws()
    worker, metrics = Worker(threads=threads), of_this_process()
    records = ObservedRecords(records, metrics)
    door = Door(
        settings,
        secrets,
        records,
        worker,
        clock,
        owner=f"{os.getpid()}",
        metrics=metrics,
        spans=tracing.of_this_process(),
    )
    engine = Engine(door, outside or outside_of(settings, secrets, kubeconfig=kubeconfig))
    advancer, errands = engine.advancer, Errands(engine.tasks.run, records, clock)

    def handle(response_id: str, held: Held | None) -> datetime | None:
        due_at = advancer.advance(response_id, held)
        errands.run_due(response_id)
        return due_at

    def close() -> None:
        worker.close()
        errands.close()
        tracing.flush(door.spans)

    worker.start(handle=handle, run_task=errands.run, records=records, clock=clock)
    return Local(door, engine, close)
