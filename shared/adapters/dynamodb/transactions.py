"""One transition as one TransactWriteItems: each write with the rule it is stored under."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, NotRequired, TypedDict

from botocore.exceptions import ClientError

from shared import wire
from shared.adapters.aws import BUSY, code
from shared.adapters.dynamodb import items
from shared.domain.reasons import Reason
from shared.errors import PermanentError
from shared.ports import Commit, Lost, Versioned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef, TransactWriteItemTypeDef

CANCELLED = "TransactionCanceledException"
FAILED = "ConditionalCheckFailed"
BUSY_REASONS = frozenset({"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"})


class Write(NamedTuple):
    """One write of a transaction, and the part of the commit (as `Lost` names it) that it stores."""

    part: str
    action: "TransactWriteItemTypeDef"


class Condition(TypedDict):
    """What must hold of the stored item for a write to be made; where it fails, the item comes back."""

    ConditionExpression: str
    ReturnValuesOnConditionCheckFailure: Literal["ALL_OLD"]
    ExpressionAttributeNames: NotRequired[Mapping[str, str]]
    ExpressionAttributeValues: NotRequired["Mapping[str, AttributeValueTypeDef]"]


def writes(commit: Commit, table: str) -> list[Write]:
    """Return what stores a commit, all of it or nothing."""
    id_, by = commit.state.response.id, commit.state.commit_id

    def stored(part: str, item: items.Item, condition: Condition) -> Write:
        return Write(part, {"Put": put(item, table, condition)})

    owned = unmoved_and_owned(commit.version_before, commit.owner_before)
    found = [stored("state", items.of_state(commit.state), owned)]
    records = (commit.workload,) if commit.workload is not None else ()
    found += [
        stored("workload", items.of_workload(record), unmoved(record.version))
        for record in (*records, *commit.claims)
    ]
    if commit.storm is not None:
        cluster, storm = commit.storm
        found.append(stored("storm", items.of_storm(cluster, storm), unmoved(storm.version)))
    if commit.freezes_version is not None:
        frozen = items.keyed(items.FREEZES_KEY)
        same = unmoved(commit.freezes_version)
        found.append(Write("freezes", {"ConditionCheck": {"TableName": table, "Key": frozen, **same}}))
    if commit.delivery is not None:
        # No condition: the version of the workload record or of the state lets one of two equals through.
        item = items.of_delivery(commit.delivery)
        found.append(Write("delivery", {"Put": {"TableName": table, "Item": item}}))
    found += [
        stored("event", items.of_event(id_, event, commit_id=by), unmoved(0)) for event in commit.events
    ]
    owed = [items.of_task(Versioned(task, 0), commit_id=by) for task in commit.tasks]
    found += [stored("task", item, unmoved(0)) for item in owed]
    return found


def put(item: items.Item, table: str, condition: "Condition") -> "PutTypeDef":
    """Return the put of an item under a condition."""
    return {"TableName": table, "Item": item, **condition}


def unmoved(version: int) -> "Condition":
    """Return the condition that the stored version is still `version`; 0: that there is none."""
    if version == 0:
        return {
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    return {
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": {"N": str(version)}},
    }


def unmoved_and_owned(version: int, owner: str | None) -> "Condition":
    """Return the condition that also the lease is still `owner`'s; None: that it is nobody's."""
    same = unmoved(version)
    if version == 0:
        return same
    owned = "attribute_not_exists(#owner)" if owner is None else "#owner = :owner"
    held: dict[str, AttributeValueTypeDef] = {} if owner is None else {":owner": {"S": owner}}
    return {
        **same,
        "ConditionExpression": f"{same['ConditionExpression']} AND {owned}",
        "ExpressionAttributeNames": {**same["ExpressionAttributeNames"], "#owner": "owner"},
        "ExpressionAttributeValues": {**same["ExpressionAttributeValues"], **held},
    }


def token(found: Sequence[Write]) -> str:
    """Return the ClientRequestToken of a transaction: the same for the same writes, at most 36 characters.

    DynamoDB answers a repeat within 10 minutes as it did the first. The commit id is in the writes.
    """
    return hashlib.sha256(wire.encode([write.action for write in found])).hexdigest()[:36]


def verdict(found: Sequence[Write], cancelled: ClientError, *, commit_id: str) -> Lost | None:
    """Return what a cancelled transaction lost to, or None when it had been stored before.

    A transaction that was stored and whose answer went missing loses to itself when it is sent again: the
    state, or once that has moved on the event, then bears its commit id. Raises `cancelled` where a
    condition was not judged because another transaction was at the item.
    """
    reasons = cancelled.response.get("CancellationReasons", [])
    if any(items.commit_id(reason.get("Item", {})) == commit_id for reason in reasons):
        return None
    if contended(cancelled):
        raise cancelled
    for write, reason in zip(found, reasons, strict=True):
        if reason.get("Code") not in ("None", FAILED):
            raise PermanentError(
                f"{write.part}: {reason['Code']}: {reason.get('Message')}", reason=Reason.INTERNAL
            )
    return Lost(frozenset(w.part for w, r in zip(found, reasons, strict=True) if r.get("Code") == FAILED))


def contended(error: Exception) -> bool:
    """Return whether the same call may go well in a moment: a conflict of transactions, or throttling."""
    if not isinstance(error, ClientError):
        return False
    reasons = error.response.get("CancellationReasons", [])
    return code(error) in BUSY or any(reason.get("Code") in BUSY_REASONS for reason in reasons)
