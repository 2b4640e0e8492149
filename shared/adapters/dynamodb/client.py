"""The connection to DynamoDB."""

from typing import TYPE_CHECKING

from shared.adapters.aws import translating

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ADVICE = "create it with `backout table create`, or point BACKOUT_TABLE at the one that you have"


def make_client() -> "DynamoDBClient":
    """Return a client as boto3's own variables say (region, credentials, AWS_ENDPOINT_URL_DYNAMODB).

    One call ends within 10 s, its second attempt included: far below a lease, and below `CALL_SECONDS`.
    Raises ConfigurationError when there is no region.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=2.0,
        read_timeout=3.0,
        retries={"mode": "standard", "total_max_attempts": 2},
        tcp_keepalive=True,
        max_pool_connections=32,
    )
    with translating("DynamoDB", "connecting", missing=ADVICE):
        # A session of its own: boto3's default session must not be shared between threads.
        return boto3.session.Session().client("dynamodb", config=config)
