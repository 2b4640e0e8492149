import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from shared.adapters.sqs import SqsQueue
from shared.domain.reasons import Reason
from shared.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


def a_client(endpoint_url: str | None = None) -> "SQSClient":
    return boto3.session.Session().client(
        "sqs",
        region_name="eu-central-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
    )


@pytest.fixture
def client() -> "Iterator[SQSClient]":
    with mock_aws():
        yield a_client()


@pytest.fixture
def url(client: "SQSClient") -> str:
    return client.create_queue(QueueName="backout")["QueueUrl"]


def test_a_message_holds_the_responses_id(client: "SQSClient", url: str) -> None:
    SqsQueue(lambda: client, url).send("r1")

    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"response_id": "r1"}


def test_the_client_is_made_with_the_first_message_and_kept(client: "SQSClient", url: str) -> None:
    made: list[str] = []

    def connect() -> "SQSClient":
        made.append("a client")
        return client

    queue = SqsQueue(connect, url)
    assert made == []
    queue.send("r1")
    queue.send("r2")
    assert made == ["a client"]


def test_a_delayed_message_is_not_seen_before_its_time(client: "SQSClient", url: str) -> None:
    SqsQueue(lambda: client, url).send("r1", delay_seconds=60)

    assert "Messages" not in client.receive_message(QueueUrl=url)
    waiting = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert waiting["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}


@pytest.mark.parametrize(
    ("asked", "sent"), [(-3.0, 0), (0.0, 0), (0.2, 1), (5.0, 5), (899.5, 900), (900.0, 900), (86400.0, 900)]
)
def test_a_delay_is_whole_seconds_that_sqs_takes_and_never_too_short(asked: float, sent: int) -> None:
    client = a_client("http://127.0.0.1:9")
    expected = {"QueueUrl": "q", "MessageBody": '{"response_id":"r1"}', "DelaySeconds": sent}
    with Stubber(client) as stub:
        stub.add_response("send_message", {}, expected)

        SqsQueue(lambda: client, "q").send("r1", delay_seconds=asked)

        stub.assert_no_pending_responses()


def test_a_queue_that_does_not_answer_is_a_temporary_error() -> None:
    with pytest.raises(TemporaryError, match="sqs:SendMessage did not answer") as refused:
        SqsQueue(lambda: a_client("http://127.0.0.1:9"), "http://127.0.0.1:9/1/backout").send("r1")
    assert refused.value.reason is Reason.INTERNAL


def test_a_queue_that_throttles_is_a_temporary_error() -> None:
    client = a_client("http://127.0.0.1:9")
    with Stubber(client) as stub:
        stub.add_client_error("send_message", "RequestThrottled", http_status_code=400)

        with pytest.raises(TemporaryError, match="RequestThrottled"):
            SqsQueue(lambda: client, "q").send("r1")


def test_a_queue_that_is_missing_is_a_matter_of_configuration(client: "SQSClient", url: str) -> None:
    with pytest.raises(ConfigurationError, match="BACKOUT_QUEUE_URL"):
        SqsQueue(lambda: client, f"{url}-other").send("r1")
