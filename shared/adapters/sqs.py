"""The queue kept in SQS. What a message asks is only that a response be advanced: losing it costs time."""

import math
from typing import TYPE_CHECKING

from shared import wire
from shared.adapters.aws import translating
from shared.ports import Held

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

LONGEST_DELAY_SECONDS = 900
ADVICE = "check BACKOUT_QUEUE_URL"


def make_client() -> "SQSClient":
    """Return a client as boto3's own variables say; one call ends within 10 s, its second attempt included.

    Raises ConfigurationError when there is no region.
    """
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(connect_timeout=2.0, read_timeout=3.0, retries=retries, tcp_keepalive=True)  # type: ignore[arg-type]
    with translating("SQS", "connecting", missing=ADVICE):
        return boto3.session.Session().client("sqs", config=config)


class SqsQueue:
    """Fills the port `Queue` with a standard SQS queue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: Held | None = None) -> None:
        """Send the id; a longer delay than SQS knows (15 min) ends there, and the sweep finds the rest.

        `held` stays behind: another process reads the table anew.
        """
        delay = min(max(math.ceil(delay_seconds), 0), LONGEST_DELAY_SECONDS)
        body = wire.encode({"response_id": response_id}).decode()
        with translating(f"queue {self._url}", "sqs:SendMessage", missing=ADVICE):
            self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay)
