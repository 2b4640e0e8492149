"""The whole of Backout in this process on a real table, with the world around it made up and its time too."""

from typing import TYPE_CHECKING

from shared.adapters.dynamodb import DynamoRecords
from shared.domain.services import Mode, Timing
from tests.engine.world import World, a_service

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def world_on(client: "DynamoDBClient", table: str, *, mode: Mode = Mode.AUTO, local: bool = True) -> World:
    """Return a world with one service, `checkout`, of the default timing.

    `local` is as `backout serve` works, where accepting hands its lease to the worker; otherwise a worker
    gets no more than an id, as from SQS.
    """
    world = World([a_service(mode=mode, timing=Timing())], local=local)
    on_table(world, client, table)
    return world


def on_table(world: World, client: "DynamoDBClient", table: str) -> None:
    """Start a world's Backout again on a real table."""
    world.records = DynamoRecords(client, table)  # type: ignore[assignment]  # fills the same port
    world.door, world.engine = world.started()
