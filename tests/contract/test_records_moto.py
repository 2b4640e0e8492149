from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.adapters.dynamodb import embedded_table
from shared.errors import PermanentError
from shared.ports import Records
from tests.contract.records import DynamoRecordsContract, Table, an_event, opening


class TestMoto(DynamoRecordsContract):
    writers = 8

    @pytest.fixture
    def table(self) -> Iterator[Table]:
        with embedded_table("backout-contract") as client:
            yield Table(client, "backout-contract")

    def test_point_in_time_recovery_is_on(self, table: Table) -> None:
        described = table.client.describe_continuous_backups(TableName=table.name)

        recovery = described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

    def test_a_commit_cannot_write_one_event_twice(self, records: Records) -> None:
        with pytest.raises(PermanentError):
            records.commit(replace(opening(), events=(an_event(1), an_event(1))))
        assert records.read(responses=["r1"]).states == {}
