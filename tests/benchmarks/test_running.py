"""What there is to run."""

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.table_calls import CallCounter
from benchmarks.table_world import world_on
from shared.adapters.dynamodb import embedded_table
from tests.engine.world import an_alert

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


def test_calls_are_counted_by_operation_and_the_sweep_is_not() -> None:
    with embedded_table("bench-counted") as client:
        counter = CallCounter(client)
        world = world_on(client, "bench-counted")
        world.story()

        calls = counter.of(lambda: world.send(an_alert(at=world.now)))
        swept = counter.of(lambda: world.records.due(world.now))

    assert calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    assert not swept
