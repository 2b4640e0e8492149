"""A table that is throttled: sender and message come again later, and what they asked for is done once."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import stamina
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from functions import advance
from shared.adapters.dynamodb import DynamoRecords, embedded_table
from shared.engine.hands import LEASE
from tests.functions.installation import Installation, problem, results, with_tokens

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CANCELLED = {
    "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
    "CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError", "Message": "Throughput exceeds"}],
}


def refusal(code: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": "Throughput exceeds the current capacity"}}


REFUSALS = [refusal("ProvisionedThroughputExceededException"), refusal("ThrottlingException"), CANCELLED]


class Throttle:
    """Answers for DynamoDB, while it is `on` and `free` calls have been made."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.on = False
        self.free = 0
        self.said: dict[str, Any] = {}
        answer: Any = self._answer
        client.meta.events.register("before-call.dynamodb", answer)

    def begins(self, said: dict[str, Any], *, after: int = 0) -> None:
        self.on, self.said, self.free = True, said, after

    def _answer(self, model: Any, **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        transaction, put = model.name == "TransactWriteItems", model.name == "PutItem"
        cancels = "CancellationReasons" in self.said
        if not self.on or (cancels and not transaction):
            return None
        self.free -= transaction or put
        if self.free >= 0:
            return None
        metadata = {"HTTPStatusCode": 400, "RequestId": "throttled"}
        return AWSResponse("", 400, HTTPHeaders(), None), {**self.said, "ResponseMetadata": metadata}


@pytest.fixture
def throttled(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Installation, Throttle]]:
    with_tokens(monkeypatch)
    with embedded_table("throttled") as client, stamina.set_testing(True, attempts=2):
        installation = Installation(records=DynamoRecords(client, "throttled"))
        installation.deployed_badly()
        yield installation, Throttle(client)


def message(response_id: str) -> dict[str, Any]:
    return {"messageId": "m1", "body": f'{{"response_id": "{response_id}"}}'}


@pytest.mark.parametrize("said", REFUSALS, ids=lambda said: said["Error"]["Code"])
def test_a_webhook_is_told_to_come_again_and_is_then_accepted_once(
    throttled: tuple[Installation, Throttle], said: dict[str, Any]
) -> None:
    installation, throttle = throttled
    throttle.begins(said)

    answer = installation.notify()

    assert "busy" in problem(answer, 503)
    assert answer.headers["Retry-After"]
    throttle.on = False
    assert [result["outcome"] for result in results(installation.notify())] == ["created"]
    assert len(installation.records.recent(f"{installation.now:%Y-%m-%d}")) == 1


@pytest.mark.parametrize(
    ("said", "after"),
    [*product(REFUSALS[:2], range(4)), *product([CANCELLED], range(3))],
    ids=lambda given: given["Error"]["Code"] if isinstance(given, dict) else str(given),
)
def test_a_worker_s_message_comes_again_and_the_rollback_is_made_once(
    throttled: tuple[Installation, Throttle], said: dict[str, Any], after: int
) -> None:
    installation, throttle = throttled
    [accepted] = results(installation.notify())
    throttle.begins(said, after=after)

    told = advance.batch(installation.engine, [message(accepted["response_id"])])

    assert told == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    throttle.on = False
    installation.now += LEASE + timedelta(seconds=1)
    told = advance.batch(installation.engine, [message(accepted["response_id"])])
    assert told == {"batchItemFailures": []}
    assert len(installation.workloads.applied) == 1
    state = installation.records.read(responses=[accepted["response_id"]]).states[accepted["response_id"]]
    assert state.response.phase == "stabilise"
