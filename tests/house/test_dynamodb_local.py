"""The table that the concurrency tests stand on behaves as they take for granted."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.dynamodb_local import DynamoDBLocal, DynamoDBLocalMissing, dynamodb_local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

WRITERS = 8
TABLE = "races"


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(running: ExitStack) -> DynamoDBLocal:
    try:
        return running.enter_context(dynamodb_local())
    except DynamoDBLocalMissing as missing:
        pytest.skip(str(missing))


def create_table(client: "DynamoDBClient") -> None:
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_of_writers_that_race_for_one_version_exactly_one_wins(server: DynamoDBLocal) -> None:
    client = server.client(connections=WRITERS)
    create_table(client)
    client.put_item(TableName=TABLE, Item={"pk": {"S": "a"}, "version": {"N": "1"}})

    def raise_version(writer: int) -> bool:
        try:
            client.transact_write_items(
                TransactItems=[
                    {
                        "Update": {
                            "TableName": TABLE,
                            "Key": {"pk": {"S": "a"}},
                            "UpdateExpression": "SET version = :next, writer = :writer",
                            "ConditionExpression": "version = :seen",
                            "ExpressionAttributeValues": {
                                ":seen": {"N": "1"},
                                ":next": {"N": "2"},
                                ":writer": {"N": str(writer)},
                            },
                        }
                    },
                    {"Put": {"TableName": TABLE, "Item": {"pk": {"S": f"event of {writer}"}}}},
                ]
            )
        except client.exceptions.TransactionCanceledException:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(raise_version, range(WRITERS)))

    winner = won.index(True)
    assert won.count(True) == 1
    item = client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]
    assert item["writer"] == {"N": str(winner)}
    assert client.scan(TableName=TABLE, ConsistentRead=True)["Count"] == 2, (
        "a loser left half of its transaction"
    )


def test_it_listens_on_the_loopback_address_only_and_ends_with_its_block(
    server: DynamoDBLocal, running: ExitStack
) -> None:
    port = int(server.endpoint_url.rpartition(":")[2])
    assert answers("127.0.0.1", port)
    # Whoever listens on every address answers on this one too, without leaving the machine.
    assert not answers("127.0.0.2", port)

    running.close()

    assert not answers("127.0.0.1", port)


def answers(address: str, port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(2)
        return caller.connect_ex((address, port)) == 0
