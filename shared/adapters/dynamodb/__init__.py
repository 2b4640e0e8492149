"""The table: records kept in one DynamoDB table, where the truth about every response is."""

from shared.adapters.dynamodb.client import make_client
from shared.adapters.dynamodb.embedded import embedded_table
from shared.adapters.dynamodb.records import DynamoRecords
from shared.adapters.dynamodb.table import create_table

__all__ = ["DynamoRecords", "create_table", "embedded_table", "make_client"]
