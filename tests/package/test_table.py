"""The table that CloudFormation makes of the template keeps to what the code expects of one."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared.adapters.dynamodb.table import differences
from tests.contract.records import DynamoRecordsContract, Table
from tests.package.aws import Aws
from tests.package.deployed import TABLE, create_stack
from tests.package.template import Template

ELSEWHERE = "eu-west-1"
"""Another region than that of what is running: the names are the same."""


class TestTheTemplatesTable(DynamoRecordsContract):
    writers = 8

    @pytest.fixture
    def table(self, host_template: Template, stand_in: Aws) -> Iterator[Table]:
        create_stack(host_template, stand_in, region=ELSEWHERE)
        client = stand_in.client("dynamodb", region=ELSEWHERE)
        passed_over(client, host_template.resources["Table"]["Properties"])
        try:
            yield Table(client, TABLE)
        finally:
            stand_in.client("cloudformation", region=ELSEWHERE).delete_stack(StackName=TABLE)
            client.delete_table(TableName=TABLE)  # which outlives its stack

    def test_its_keys_and_indexes_are_the_codes(self, table: Table) -> None:
        assert differences(table.client, table.name) == []

    def test_it_is_paid_by_use_and_can_be_restored(self, table: Table) -> None:
        described = table.client.describe_table(TableName=table.name)["Table"]
        backups = table.client.describe_continuous_backups(TableName=table.name)

        assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

    def test_it_outlives_the_stack(self, host_template: Template) -> None:
        made = host_template.resources["Table"]

        assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")


def passed_over(client: Any, properties: Mapping[str, Any]) -> None:
    """Do what moto's CloudFormation passes over: the properties are what the API takes."""
    expiry, recovery = "TimeToLiveSpecification", "PointInTimeRecoverySpecification"
    client.update_time_to_live(TableName=TABLE, **{expiry: properties[expiry]})
    client.update_continuous_backups(TableName=TABLE, **{recovery: properties[recovery]})
