"""Records kept in DynamoDB."""

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import ClientError

from shared.adapters.aws import check_genuine, code, translating
from shared.adapters.dynamodb import items, transactions
from shared.adapters.dynamodb.client import ADVICE
from shared.adapters.dynamodb.items import Item, Key
from shared.adapters.dynamodb.table import DUE, RECENT
from shared.adapters.dynamodb.views import Asked
from shared.domain.reasons import Reason
from shared.domain.records import Freezes
from shared.domain.response import Event, Task
from shared.domain.workloads import WorkloadRef
from shared.errors import TemporaryError
from shared.ports import Commit, Due, Lost, State, Versioned, View

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, QueryInputTypeDef, QueryOutputTypeDef

T = TypeVar("T")

BATCH = 100
"""The most keys that one BatchGetItem takes."""

ATTEMPTS = 8
RETRY_SECONDS = 3.0
"""How long a contended call is made again. With one call that hangs (10 s) it stays below `CALL_SECONDS`."""


class DynamoRecords:
    """Fills the port `Records` with one table; ``docs/table.md`` tells its layout."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table = table_name

    def read(
        self,
        *,
        responses: Collection[str] = (),
        workloads: Collection[WorkloadRef] = (),
        deliveries: Collection[tuple[str, str]] = (),
        freezes: bool = False,
        storm: str | None = None,
    ) -> View:
        asked = Asked(responses, workloads, deliveries, freezes, storm)
        return asked.view(self._get(asked.keys))

    def commit(self, commit: Commit) -> Lost | None:
        """Store it in one transaction; the state alone by a conditional put, which costs half of one."""
        writes = transactions.writes(commit, self._table)
        if len(writes) == 1:
            return None if self._put(writes[0].action["Put"]) else Lost(frozenset({writes[0].part}))
        token = transactions.token(writes)

        def send() -> Lost | None:
            try:
                answer = self._client.transact_write_items(
                    TransactItems=[write.action for write in writes], ClientRequestToken=token
                )
            except ClientError as error:
                if code(error) != transactions.CANCELLED:
                    raise
                return transactions.verdict(writes, error, commit_id=commit.state.commit_id)
            check_genuine(answer, f"table {self._table}")
            return None

        return self._call("TransactWriteItems", send)

    def events(self, response_id: str) -> Sequence[Event]:
        return [items.event(item) for item in self._items_of(response_id, items.EVENT)]

    def tasks(self, response_id: str) -> Sequence[Task]:
        return [items.task(item).value for item in self._items_of(response_id, items.TASK)]

    def task(self, response_id: str, name: str) -> Versioned[Task] | None:
        found = self._get([items.task_key(response_id, name)])
        return next((items.task(item) for item in found.values()), None)

    def put_task(self, task: Versioned[Task]) -> bool:
        return self._put_unmoved(items.of_task(task, commit_id=uuid.uuid4().hex), task.version)

    def put_freezes(self, freezes: Versioned[Freezes]) -> bool:
        return self._put_unmoved(items.of_freezes(freezes, commit_id=uuid.uuid4().hex), freezes.version)

    def due(self, now: datetime, *, limit: int = 100) -> Sequence[Due]:
        found = [due for shard in items.SHARDS for due in self._due(shard, now, limit)]
        return sorted(found, key=lambda due: due.due_at)[:limit]

    def recent(self, day: str, *, service: str = "", limit: int = 100) -> Sequence[State]:
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": RECENT,
            "KeyConditionExpression": "#day = :day",
            "ExpressionAttributeNames": {"#day": "day"},
            "ExpressionAttributeValues": {":day": {"S": day}},
            "ScanIndexForward": False,
        }
        entries = (e for e in self._query(query) if not service or e["service"]["S"] == service)
        keys = [items.key_of(entry) for entry in islice(entries, limit)]
        found = self._get(keys)
        return [items.state(found[key]) for key in keys if key in found]

    def _due(self, shard: str, now: datetime, limit: int) -> Iterator[Due]:
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": DUE,
            "KeyConditionExpression": "#shard = :shard AND #due_at <= :now",
            "ExpressionAttributeNames": {"#shard": "due_shard", "#due_at": "due_at"},
            "ExpressionAttributeValues": {":shard": {"S": shard}, ":now": {"N": items.seconds(now)}},
            "Limit": limit,
        }
        return (items.due(item) for item in islice(self._query(query), limit))

    def _items_of(self, response_id: str, prefix: str) -> Iterator[Item]:
        pk, _ = items.response_key(response_id)
        return self._query(
            {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
                "ExpressionAttributeValues": {":pk": {"S": pk}, ":prefix": {"S": prefix}},
                "ConsistentRead": True,
            }
        )

    def _query(self, query: "QueryInputTypeDef") -> Iterator[Item]:
        """Yield what a query finds, page after page; a page holds at most 1 MB."""
        page = self._call("Query", partial(self._page, query))
        yield from page["Items"]
        while last := page.get("LastEvaluatedKey"):
            further: QueryInputTypeDef = {**query, "ExclusiveStartKey": last}
            page = self._call("Query", partial(self._page, further))
            yield from page["Items"]

    def _page(self, query: "QueryInputTypeDef") -> "QueryOutputTypeDef":
        page = self._client.query(**query)
        check_genuine(page, f"table {self._table}")
        return page

    def _get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read items by key, consistently; what does not exist is left out."""
        found: dict[Key, Item] = {}
        pending = list(keys)
        while pending:
            batch = pending[:BATCH]
            read, left = self._call("BatchGetItem", partial(self._get_batch, batch))
            found |= {items.key_of(item): item for item in read}
            pending = [*left, *pending[BATCH:]]
        return found

    def _get_batch(self, keys: Sequence[Key]) -> tuple[Sequence[Item], Sequence[Key]]:
        """Read up to 100 items; return them and the keys that were left for another call.

        DynamoDB leaves some when they would be more than 16 MB or when it throttles. Where it left all,
        raises TemporaryError.
        """
        answer = self._client.batch_get_item(
            RequestItems={self._table: {"Keys": [items.keyed(key) for key in keys], "ConsistentRead": True}}
        )
        check_genuine(answer, f"table {self._table}")
        unprocessed = answer["UnprocessedKeys"].get(self._table)
        left = [items.key_of(key) for key in unprocessed["Keys"]] if unprocessed else []
        if len(left) == len(keys):
            raise TemporaryError(f"table {self._table} processed no key of a read", reason=Reason.INTERNAL)
        return answer["Responses"].get(self._table, []), left

    def _put_unmoved(self, item: Item, version: int) -> bool:
        return self._put(transactions.put(item, self._table, transactions.unmoved(version)))

    def _put(self, put: "PutTypeDef") -> bool:
        """Store one item if its condition holds. A put that finds itself stored had lost only its answer."""
        commit_id = items.commit_id(put["Item"])

        def send() -> bool:
            try:
                answer = self._client.put_item(**put)
            except ClientError as error:
                if code(error) != "ConditionalCheckFailedException":
                    raise
                return items.commit_id(cast("Item", error.response.get("Item", {}))) == commit_id
            check_genuine(answer, f"table {self._table}")
            return True

        return self._call("PutItem", send)

    def _call(self, action: str, call: Callable[[], T]) -> T:
        """Call, and call again for some seconds while the table is contended or throttled."""
        with translating(f"table {self._table}", f"dynamodb:{action}", missing=ADVICE):
            try:
                return call()
            except (ClientError, TemporaryError) as error:
                if not _contended(error):
                    raise
            import stamina  # on first use: it takes longer to load than a call takes

            return stamina.RetryingCaller(
                attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.02, wait_max=0.5, wait_jitter=0.1
            )(_contended, call)


def _contended(error: Exception) -> bool:
    return isinstance(error, TemporaryError) or transactions.contended(error)
