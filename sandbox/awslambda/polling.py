"""Lambda's poller of a queue: it receives, has the function called, and deletes what did not fail."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.awslambda.events import sqs_event
from sandbox.awslambda.function import LambdaFunction


@dataclass(frozen=True)
class Batch:
    """What was delivered at once: all bodies, and those of the messages that are to come again."""

    bodies: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Poller:
    """An event source mapping that reports the failures of a batch; `client` is one of boto's for SQS."""

    client: Any
    queue_url: str
    queue_arn: str
    function: LambdaFunction
    batch_size: int = 10

    def poll(self) -> Batch:
        """Deliver what is visible now, in one batch; an empty queue delivers nothing."""
        received = self.client.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=self.batch_size, AttributeNames=["All"]
        )
        messages = received.get("Messages", [])
        if not messages:
            return Batch()
        told = self.function.invoke(sqs_event(messages, queue_arn=self.queue_arn))
        failed = {failure["itemIdentifier"] for failure in told["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                self.client.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return Batch(
            [message["Body"] for message in messages],
            [message["Body"] for message in messages if message["MessageId"] in failed],
        )
