"""The table's keys, and what is written under them: readable attributes beside a JSON `body`.

Rules are tested and indexes are built on the attributes; the body holds the record itself. Times in
attributes are epoch seconds, exact to the microsecond; optional attributes are left out, never null, so
that the index `due` holds only what is due.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from shared import wire
from shared.domain.records import Delivery, Freezes, Storm, WorkloadRecord
from shared.domain.response import FORMAT, Event, Response, Task
from shared.domain.workloads import WorkloadRef
from shared.errors import ConfigurationError, PermanentError
from shared.ports import Due, Lease, State, Versioned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")
Key = tuple[str, str]
Item = Mapping[str, "AttributeValueTypeDef"]

STATE, EVENT, TASK = "STATE", "EVENT#", "TASK#"
FREEZES_KEY: Key = ("SWITCH#freeze", "SWITCH")

SHARDS = ("0", "1", "2", "3")
"""Partitions of the index `due`: a partition takes 1,000 writes a second, a sweep asks each of them."""

LONGEST_BYTES = 512
"""Of a key that comes from outside."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def response_key(response_id: str) -> Key:
    return f"RESPONSE#{response_id}", STATE


def event_key(response_id: str, number: int) -> Key:
    return f"RESPONSE#{response_id}", f"{EVENT}{number:06d}"


def task_key(response_id: str, name: str) -> Key:
    return f"RESPONSE#{response_id}", f"{TASK}{name}"


def workload_key(ref: WorkloadRef) -> Key:
    return f"WORKLOAD#{ref.cluster}/{ref}", "WORKLOAD"


def delivery_key(source: str, key: str) -> Key:
    """Return a delivery's key; a long `key` counts by its hash, for DynamoDB takes 2,048 bytes."""
    encoded = key.encode()
    short = key if len(encoded) <= LONGEST_BYTES else f"sha256:{hashlib.sha256(encoded).hexdigest()}"
    return f"DELIVERY#{source}#{short}", "DELIVERY"


def storm_key(cluster: str) -> Key:
    return f"STORM#{cluster}", "STORM"


def keyed(key: Key) -> Item:
    """Return a key as DynamoDB takes it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def key_of(item: Item) -> Key:
    """Return the key of an item."""
    return item["pk"]["S"], item["sk"]["S"]


def of_state(state: State) -> Item:
    response = state.response
    return _item(
        response_key(response.id),
        response,
        version=state.version,
        commit_id=state.commit_id,
        last_event=state.last_event,
        owner=state.lease.owner,
        lease_until=state.lease.until,
        phase=response.phase,
        service=response.service,
        workload=str(response.workload),
        day=f"{response.started_at.astimezone(UTC):%Y-%m-%d}",
        started_at=response.started_at,
        due_at=state.due_at,
        due_shard=_shard(response.id) if state.due_at else None,
    )


def state(item: Item) -> State:
    return State(
        response=_body(item, Response),
        version=version(item),
        lease=Lease(item["owner"]["S"] if "owner" in item else None, _time(item, "lease_until")),
        due_at=_time(item, "due_at"),
        last_event=int(item["last_event"]["N"]),
        commit_id=commit_id(item),
    )


def of_event(response_id: str, event: Event, *, commit_id: str) -> Item:
    key = event_key(response_id, event.number)
    return _item(key, event, commit_id=commit_id, phase=event.phase, code=event.code)


def event(item: Item) -> Event:
    return _body(item, Event)


def of_task(task: Versioned[Task], *, commit_id: str) -> Item:
    """Return the item that replaces a task read at the version it carries."""
    owed = task.value
    return _item(
        task_key(owed.response_id, owed.name),
        owed,
        version=task.version + 1,
        commit_id=commit_id,
        kind=owed.kind,
        attempts=owed.attempts,
        result=owed.result,
        due_at=owed.due_at,
        due_shard=_shard(owed.response_id) if owed.due_at else None,
    )


def task(item: Item) -> Versioned[Task]:
    return Versioned(_body(item, Task), version(item))


def of_workload(record: Versioned[WorkloadRecord]) -> Item:
    """Return the item that replaces a workload record read at the version it carries."""
    remembered = record.value
    return _item(
        workload_key(remembered.ref),
        remembered,
        version=record.version + 1,
        live=remembered.live,
        cooldown_until=remembered.cooldown_until,
    )


def workload(item: Item) -> Versioned[WorkloadRecord]:
    return Versioned(_body(item, WorkloadRecord), version(item))


def of_freezes(freezes: Versioned[Freezes], *, commit_id: str) -> Item:
    """Return the item that replaces the freezes read at the version they carry."""
    return _item(FREEZES_KEY, freezes.value, version=freezes.version + 1, commit_id=commit_id)


def freezes(item: Item) -> Versioned[Freezes]:
    return Versioned(_body(item, Freezes), version(item))


def of_storm(cluster: str, storm: Versioned[Storm]) -> Item:
    """Return the item that replaces the storm record read at the version it carries."""
    return _item(storm_key(cluster), storm.value, version=storm.version + 1)


def storm(item: Item) -> Versioned[Storm]:
    return Versioned(_body(item, Storm), version(item))


def of_delivery(delivery: Delivery) -> Item:
    """Return a delivery's item; DynamoDB may remove it once `expires_at` (whole seconds) is past."""
    return _item(
        delivery_key(delivery.source, delivery.key),
        delivery,
        outcome=delivery.outcome,
        reason=delivery.reason,
        response_id=delivery.response_id,
        expires_at=math.ceil(delivery.expires_at.timestamp()),
    )


def delivery(item: Item) -> Delivery:
    return _body(item, Delivery)


def due(item: Item) -> Due:
    """Return what an entry of the index `due` says."""
    pk, sk = key_of(item)
    due_at = _time(item, "due_at")
    if due_at is None:
        raise PermanentError(f"{pk} {sk} is in the index of what is due and has no due_at")
    return Due(pk.removeprefix("RESPONSE#"), sk.removeprefix(TASK) if sk.startswith(TASK) else "", due_at)


def version(item: Item) -> int:
    return int(item["version"]["N"])


def commit_id(item: Mapping[str, Any]) -> str:
    """Return the commit that last wrote the item, or nothing for items that do not say."""
    return str(item["commit_id"]["S"]) if "commit_id" in item else ""


def seconds(at: datetime) -> str:
    """Return a time as DynamoDB's number: epoch seconds, exact to the microsecond.

    Integers only: a float has no room for microseconds and seconds since 1970 together.
    """
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return f"{Decimal(microseconds).scaleb(-6):f}"


def _time(item: Item, name: str) -> datetime | None:
    if name not in item:
        return None
    return _EPOCH + timedelta(microseconds=int(Decimal(item[name]["N"]).scaleb(6)))


def _shard(response_id: str) -> str:
    return SHARDS[zlib.crc32(response_id.encode()) % len(SHARDS)]


def _item(key: Key, record: object, **attributes: str | int | datetime | None) -> Item:
    written = {name: _attribute(value) for name, value in attributes.items() if value is not None}
    body: AttributeValueTypeDef = {"S": wire.encode(record).decode()}
    return {**keyed(key), **written, "format": _attribute(FORMAT), "body": body}


def _attribute(value: str | int | datetime) -> "AttributeValueTypeDef":
    if isinstance(value, str):
        return {"S": value}
    return {"N": seconds(value) if isinstance(value, datetime) else str(value)}


def _body(item: Item, kind: type[T]) -> T:
    format_ = int(item["format"]["N"])
    where = " ".join(key_of(item))
    if format_ > FORMAT:
        raise ConfigurationError(
            f"{where} was written in format {format_} and this Backout knows {FORMAT}: a newer one shares "
            "the table; deploy that version here too"
        )
    try:
        return wire.decode(kind, item["body"]["S"])
    except ValueError as error:
        raise PermanentError(f"{where} holds no {kind.__name__}: {error}") from error
