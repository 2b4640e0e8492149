"""The embedded table: DynamoDB as moto plays it, in this process and in memory, for demos and trying out.

Nothing is kept on disk. moto checks conditions and writes in steps, so two threads can both win one
condition; here all calls go one at a time. Only the client made here talks to it: no variable is set and
nothing else of the process is intercepted, as moto's own `mock_aws` would do.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.adapters.dynamodb.table import create_table
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_dynamodb.client import DynamoDBClient

REGION = "us-east-1"
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def embedded_table(name: str) -> "Iterator[DynamoDBClient]":
    """Make an empty table in memory and give the client that reaches it; at the end the table is gone.

    Raises ConfigurationError when moto is not installed, or when the process has such a table already.
    """
    client = _client()
    if not create_table(client, name):
        raise ConfigurationError(f"an embedded table named {name} is open in this process already")
    try:
        yield client
    finally:
        client.delete_table(TableName=name)


def _client() -> "DynamoDBClient":
    import boto3
    from botocore.config import Config

    try:
        from moto.core.botocore_stubber import BotocoreStubber
    except ImportError as error:
        raise ConfigurationError("the embedded table needs moto: pip install 'backout[embedded]'") from error
    moto = BotocoreStubber()
    moto.enabled = True

    def answer(event_name: str, request: "AWSPreparedRequest", **_: object) -> Any:  # noqa: ANN401
        """Return moto's AWSResponse; botocore takes it for what the network would have brought."""
        with _ONE_AT_A_TIME:
            return moto(event_name, request)

    client = boto3.session.Session().client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=f"https://dynamodb.{REGION}.amazonaws.com",
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 opens nothing
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    client.meta.events.register_first("before-send.dynamodb", answer)
    return client
