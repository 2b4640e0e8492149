import uuid
from collections.abc import Iterator

import pytest

from shared.adapters.dynamodb import create_table
from tests.contract.records import DynamoRecordsContract, Table
from tests.dynamodb_local import DynamoDBLocal


class TestDynamoDBLocal(DynamoRecordsContract):
    writers = 20

    @pytest.fixture
    def table(self, dynamodb_server: DynamoDBLocal) -> Iterator[Table]:
        client = dynamodb_server.client(connections=self.writers)
        name = f"backout-{uuid.uuid4().hex}"
        assert create_table(client, name)
        yield Table(client, name)
        client.delete_table(TableName=name)
