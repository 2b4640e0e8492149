"""What a long history costs: a webhook, a step and a sweep with 10 and with 2,000 past responses.

All are of one workload, the worst case. A step is one look of a worker that was sent an id: it takes the
lease, reads the records, measures, and gives the lease back; what it measures is made up and takes no time.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TypeVar

from benchmarks.measuring import Outcome, Row, Series, Skipped
from benchmarks.table_world import world_on
from shared.adapters.dynamodb import create_table
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from tests.dynamodb_local import DynamoDBLocal, DynamoDBLocalMissing, dynamodb_local
from tests.engine.world import World, an_alert

T = TypeVar("T")

FEW, MANY = 10, 2_000
ROUNDS = 60
WARM_UP = 10
ABOUT_ONE = 1.25


def run() -> Outcome:
    """Measure. Raises Skipped without DynamoDB Local: what moto takes grows with what it holds."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(dynamodb_local())
        except DynamoDBLocalMissing as missing:
            raise Skipped(str(missing)) from missing
        few, many = _with_past(server, FEW), _with_past(server, MANY)
        for _ in range(WARM_UP):
            _round(many)
            _round(few)
        rounds = [(_round(many), _round(few)) for _ in range(ROUNDS)]
    rows = [
        Row(
            Series(f"{part}, {MANY} past responses", "ms", tuple(many[part] for many, _ in rounds)),
            Series(f"{FEW} past responses", "ms", tuple(few[part] for _, few in rounds)),
            ABOUT_ONE,
        )
        for part in rounds[0][0]
    ]
    return Outcome(tuple(rows), (f"DynamoDB Local; {ROUNDS} rounds each",))


def _with_past(server: DynamoDBLocal, past: int) -> World:
    """Return a world whose one workload has had so many responses, in a table of its own.

    They were refused, by a service that only observes; then its mode is changed.
    """
    table = f"backout-bench-{past}"
    client = server.client()
    create_table(client, table)
    observing = world_on(client, table, mode=Mode.OBSERVE, local=False)
    for _ in range(past):
        observing.sleep(seconds=1)
        observing.send(an_alert(at=observing.now))
    world = world_on(client, table, local=False)
    world.now = observing.now
    world.story()
    world.override = {signal: Reading.unknown("made up") for signal in Signal}
    return world


def _round(world: World) -> Mapping[str, float]:
    """Send a new alert, look once, sweep, and end the response; return the milliseconds that each took."""
    world.sleep(seconds=1)
    alert = an_alert(at=world.now)
    answered, webhook = _timed(lambda: world.send(alert))
    _, step = _timed(world.step)
    _, sweep = _timed(lambda: world.records.due(world.now))
    response_id = answered[0].response_id
    world.door.listener.say(response_id, "abort", by="bench")
    while world.response(response_id).live:
        world.step()
    world.queue.sent.clear()
    return {"webhook": webhook, "step": step, "sweep": sweep}


def _timed(action: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    done = action()
    return done, (time.perf_counter() - began) * 1000
