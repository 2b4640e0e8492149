"""The table itself: its keys, its two indexes, and how it is made."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from shared.adapters.aws import check_genuine, code, translating
from shared.adapters.dynamodb.client import ADVICE
from shared.domain.reasons import Reason
from shared.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        GlobalSecondaryIndexTypeDef,
        KeySchemaElementTypeDef,
        TableDescriptionTypeDef,
    )

DUE, RECENT = "due", "recent"
TTL = "expires_at"

_TYPES: Mapping[str, str] = {
    "pk": "S",
    "sk": "S",
    "due_shard": "S",
    "due_at": "N",
    "day": "S",
    "started_at": "N",
}


def _keys(partition: str, sort: str) -> "Sequence[KeySchemaElementTypeDef]":
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _indexes() -> "Sequence[GlobalSecondaryIndexTypeDef]":
    """Both hold no bodies: a body changes with every step, and the index would be written each time too."""
    return [
        {
            "IndexName": DUE,
            "KeySchema": _keys("due_shard", "due_at"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
        {
            "IndexName": RECENT,
            "KeySchema": _keys("day", "started_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["service"]},
        },
    ]


def create_table(client: "DynamoDBClient", name: str) -> bool:
    """Make the table and wait until it can be used; return False when it was there already.

    A table that is there is checked, and its expiry and point-in-time recovery are switched on. Raises
    ConfigurationError, which says what differs, when its keys or indexes are not these.
    """
    created = _created(client, name)
    with translating(f"table {name}", "dynamodb:DescribeTable", missing=ADVICE):
        try:
            client.get_waiter("table_exists").wait(
                TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        except WaiterError as error:
            raise TemporaryError(
                f"table {name} is not active yet: {error}", reason=Reason.INTERNAL
            ) from error
    wrong = differences(client, name)
    if wrong:
        raise ConfigurationError(f"table {name} is not Backout's: {'; '.join(wrong)}. Use another name")
    _expire(client, name)
    _recover(client, name)
    return created


def differences(client: "DynamoDBClient", name: str) -> list[str]:
    """Return in words where an existing table's keys and indexes differ from what Backout needs."""
    with translating(f"table {name}", "dynamodb:DescribeTable", missing=ADVICE):
        table = client.describe_table(TableName=name)["Table"]
    shapes = {"the table": table["KeySchema"]} | {
        f"index {index['IndexName']}": index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", [])
    }
    wanted = {"the table": _keys("pk", "sk")} | {
        f"index {i['IndexName']}": i["KeySchema"] for i in _indexes()
    }
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    return [
        f"{part} has {_shape(shapes.get(part, []), types)} where {_shape(keys, _TYPES)} is needed"
        for part, keys in wanted.items()
        if _shape(shapes.get(part, []), types) != _shape(keys, _TYPES)
    ] + _unprojected(table)


def _unprojected(table: "TableDescriptionTypeDef") -> list[str]:
    for index in table.get("GlobalSecondaryIndexes", []):
        projection = index["Projection"]
        if index["IndexName"] == RECENT and projection["ProjectionType"] != "ALL":
            return (
                [] if "service" in projection.get("NonKeyAttributes", []) else ["index recent lacks service"]
            )
    return []


def _shape(keys: "Sequence[KeySchemaElementTypeDef]", types: Mapping[str, str]) -> str:
    """Return keys as words, the partition key first: ``pk (S), sk (S)``."""
    named = [key["AttributeName"] for key in sorted(keys, key=lambda key: key["KeyType"] != "HASH")]
    return ", ".join(f"{name} ({types.get(name, '?')})" for name in named) or "nothing"


def _created(client: "DynamoDBClient", name: str) -> bool:
    with translating(f"table {name}", "dynamodb:CreateTable", missing=ADVICE):
        try:
            answer = client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=_keys("pk", "sk"),
                AttributeDefinitions=[
                    {"AttributeName": attribute, "AttributeType": "N" if type_ == "N" else "S"}
                    for attribute, type_ in _TYPES.items()
                ],
                GlobalSecondaryIndexes=_indexes(),
            )
        except ClientError as error:
            if code(error) != "ResourceInUseException":
                raise
            return False
    check_genuine(answer, f"table {name}")
    return True


def _expire(client: "DynamoDBClient", name: str) -> None:
    with translating(f"table {name}", "dynamodb:UpdateTimeToLive", missing=ADVICE):
        status = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if status.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") and status.get("AttributeName") == TTL:
            return
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL}
        )


def _recover(client: "DynamoDBClient", name: str) -> None:
    """Switch point-in-time recovery on; DynamoDB Local alone does not know the operation.

    A table that was made a moment ago may not be ready for it.
    """
    import stamina

    soon = stamina.RetryingCaller(timeout=60.0, attempts=20, wait_initial=1.0)
    with translating(f"table {name}", "dynamodb:UpdateContinuousBackups", missing=ADVICE):
        try:
            soon(
                lambda error: code(error) == "ContinuousBackupsUnavailableException",
                client.update_continuous_backups,
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        except ClientError as error:
            if code(error) != "UnknownOperationException":
                raise
