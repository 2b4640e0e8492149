"""A message that nobody can read: it blocks nothing, and ends in the dead-letter queue."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from functions import advance
from tests.functions.installation import Installation, results

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

MOST_RECEIVES = 3
POISON = ("no JSON", "[]", '{"response": "of another shape"}', '{"response_id": 7}')


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> "Iterator[SQSClient]":
    for name, value in {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("sqs")


def queues(sqs: "SQSClient") -> tuple[str, str]:
    """Return the URLs of a queue and of its dead-letter queue; a message is visible again at once."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES})
    live = sqs.create_queue(QueueName="live", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})
    return live["QueueUrl"], dead


def received_once(sqs: "SQSClient", url: str, installation: Installation) -> int:
    """Receive and handle as Lambda's event source does with partial batch responses; return how many came."""
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    records = [{"messageId": m["MessageId"], "body": m["Body"]} for m in messages]
    failures = advance.batch(installation.engine, records)["batchItemFailures"]
    failed = {failure["itemIdentifier"] for failure in failures}
    for m in messages:
        if m["MessageId"] not in failed:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
    return len(messages)


def test_poison_ends_in_the_dead_letter_queue_and_what_came_with_it_is_handled(
    installation: Installation, sqs: "SQSClient"
) -> None:
    installation.deployed_badly()
    [accepted] = results(installation.notify())
    live, dead = queues(sqs)
    for body in POISON:
        sqs.send_message(QueueUrl=live, MessageBody=body)
    sqs.send_message(QueueUrl=live, MessageBody=json.dumps({"response_id": accepted["response_id"]}))

    rounds = 0
    while received_once(sqs, live, installation):
        rounds += 1
        assert rounds <= 10 * MOST_RECEIVES

    assert len(installation.workloads.applied) == 1
    found = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in found) == sorted(POISON)
