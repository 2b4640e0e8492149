"""The connection to DynamoDB."""

from typing import TYPE_CHECKING

from shared.adapters import aws

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb.client import DynamoDBClient

ADVICE = "create it with `backout table create`, or point BACKOUT_TABLE at the one that you have"


def make_client(session: "Session | None" = None) -> "DynamoDBClient":
    """Return a client. Raises ConfigurationError when there is no region."""
    with aws.translating("DynamoDB", "connecting", missing=ADVICE):
        client: DynamoDBClient = aws.make_client("dynamodb", session)
    return client
