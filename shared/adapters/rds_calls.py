"""Calls of RDS's API, typed, each within what is left of the time that the caller has."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.adapters import aws
from shared.domain.reasons import Reason
from shared.errors import TemporaryError
from shared.ports import CALL_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_rds.client import RDSClient
    from mypy_boto3_rds.type_defs import (
        CreateDBInstanceMessageTypeDef,
        DBClusterTypeDef,
        DBInstanceTypeDef,
        RestoreDBClusterToPointInTimeMessageTypeDef,
        RestoreDBInstanceToPointInTimeMessageTypeDef,
    )

ADVICE = "check the database's name in the configuration"
_LONGEST_CALL = 10.0


class RdsCalls:
    """What is asked of RDS by one call of a port. Raises the project's errors."""

    def __init__(self, client: "RDSClient") -> None:
        self._client = client
        self._last_begin = time.monotonic() + CALL_SECONDS - _LONGEST_CALL

    def instance(self, name: str) -> "DBInstanceTypeDef | None":
        """Return the instance, None when there is none."""
        with self._calling(name, "DescribeDBInstances"):
            try:
                answer = self._client.describe_db_instances(DBInstanceIdentifier=name)
            except self._client.exceptions.DBInstanceNotFoundFault:
                return None
        aws.check_genuine(answer, f"database {name}")
        return next(iter(answer["DBInstances"]), None)

    def cluster(self, name: str) -> "DBClusterTypeDef | None":
        """Return the cluster, None when there is none."""
        with self._calling(name, "DescribeDBClusters"):
            try:
                answer = self._client.describe_db_clusters(DBClusterIdentifier=name)
            except self._client.exceptions.DBClusterNotFoundFault:
                return None
        aws.check_genuine(answer, f"database {name}")
        return next(iter(answer["DBClusters"]), None)

    def restore_instance(self, asked: "RestoreDBInstanceToPointInTimeMessageTypeDef") -> bool:
        """Begin to restore an instance; False when there is one of the new name."""
        with self._calling(asked["TargetDBInstanceIdentifier"], "RestoreDBInstanceToPointInTime"):
            try:
                self._client.restore_db_instance_to_point_in_time(**asked)
            except self._client.exceptions.DBInstanceAlreadyExistsFault:
                return False
        return True

    def restore_cluster(self, asked: "RestoreDBClusterToPointInTimeMessageTypeDef") -> bool:
        """Begin to restore a cluster, without instances; False when there is one of the new name."""
        with self._calling(asked["DBClusterIdentifier"], "RestoreDBClusterToPointInTime"):
            try:
                self._client.restore_db_cluster_to_point_in_time(**asked)
            except self._client.exceptions.DBClusterAlreadyExistsFault:
                return False
        return True

    def create_instance(self, asked: "CreateDBInstanceMessageTypeDef") -> bool:
        """Begin to make an instance; False when there is one of its name."""
        with self._calling(asked["DBInstanceIdentifier"], "CreateDBInstance"):
            try:
                self._client.create_db_instance(**asked)
            except self._client.exceptions.DBInstanceAlreadyExistsFault:
                return False
        return True

    @contextmanager
    def _calling(self, name: str, action: str) -> Iterator[None]:
        if time.monotonic() > self._last_begin:
            slow = f"database {name}, rds:{action}: no time was left to ask; RDS answers slowly"
            raise TemporaryError(slow, reason=Reason.INTERNAL)
        with aws.translating(f"database {name}", f"rds:{action}", missing=ADVICE):
            yield
