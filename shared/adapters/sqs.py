"""The queue kept in SQS. What a message asks is only that a response be advanced: losing it costs time."""

import math
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from shared import subjects, wire
from shared.adapters import aws
from shared.ports import Held

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_sqs.client import SQSClient

LONGEST_DELAY_SECONDS = 900
ADVICE = "check BACKOUT_QUEUE_URL"


def make_client(session: "Session | None" = None) -> "SQSClient":
    """Return a client. Raises ConfigurationError when there is no region."""
    with aws.translating("SQS", "connecting", missing=ADVICE):
        client: SQSClient = aws.make_client("sqs", session)
    return client


class SqsQueue:
    """Fills the port `Queue` with a standard SQS queue.

    `connect` makes the client when the first message is sent: a request that is turned away, or a repeat,
    needs none.
    """

    def __init__(self, connect: "Callable[[], SQSClient]", url: str) -> None:
        self._connect = connect
        self._connecting = Lock()
        self._connected: SQSClient | None = None
        self._url = url

    @property
    def _client(self) -> "SQSClient":
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: Held | None = None) -> None:
        """Send the id; a longer delay than SQS knows (15 min) ends there, and the sweep finds the rest.

        `held` stays behind: another process reads the table anew. Where the call is traced, its place in the
        trace goes with it.
        """
        delay = min(max(math.ceil(delay_seconds), 0), LONGEST_DELAY_SECONDS)
        traceparent = subjects.present().traceparent
        message = {"response_id": response_id, **({"traceparent": traceparent} if traceparent else {})}
        body = wire.encode(message).decode()
        with aws.translating(f"queue {self._url}", "sqs:SendMessage", missing=ADVICE):
            self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay)
