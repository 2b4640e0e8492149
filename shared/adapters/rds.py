"""Restores databases of Amazon RDS and Aurora to a point in time, always beside the one in use.

What a restore takes over from its source by itself and what not, and the states: AWS's RDS API reference.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from shared.adapters import aws
from shared.adapters.rds_calls import ADVICE, RdsCalls
from shared.domain.changes import Applied, RestoreDatabase
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError
from shared.ports import DatabaseRestore

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_rds.client import RDSClient
    from mypy_boto3_rds.type_defs import (
        CreateDBInstanceMessageTypeDef,
        DBClusterTypeDef,
        DBInstanceTypeDef,
        RestoreDBClusterToPointInTimeMessageTypeDef,
        RestoreDBInstanceToPointInTimeMessageTypeDef,
        TagTypeDef,
    )

TAG = "backout:response"

_LONGEST_NAME = 63
_AVAILABLE = frozenset({"available", "storage-optimization"})
_FAILED = ("deleting", "failed", "insufficient-capacity", "restore-error", "incompatible-", "inaccessible-")


def make_client(session: "Session | None" = None) -> "RDSClient":
    """Return a client. Raises ConfigurationError when there is no region."""
    with aws.translating("RDS", "connecting", missing=ADVICE):
        client: RDSClient = aws.make_client("rds", session)
    return client


class RdsDatabases:
    """Fills the port `Databases`. A name is an instance's or else a cluster's: AWS is asked which.

    What is restored carries the response's id in the tag ``backout:response``. AWS restores an Aurora cluster
    without instances, and lets one be made only once the cluster is available. So a cluster that is available
    and has none is looked at as not there: the restore is applied again, and makes it.
    """

    def __init__(self, connect: "Callable[[], RDSClient]" = make_client) -> None:
        self._connect = connect
        self._connecting = Lock()
        self._connected: RDSClient | None = None

    def _calls(self) -> RdsCalls:
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect()
            return RdsCalls(self._connected)

    def latest(self, instance: str) -> datetime:
        calls = self._calls()
        source = _source_instance(calls, instance) or _source_cluster(calls, instance)
        latest = source.get("LatestRestorableTime")
        if not source.get("BackupRetentionPeriod"):
            raise PermanentError(f"database {instance} keeps no backups: set its backup retention period")
        if latest is None:
            raise PermanentError(f"database {instance} has no time yet that it can be restored to")
        return latest

    def apply(self, change: RestoreDatabase) -> Applied:
        calls = self._calls()
        done = _done(calls, change)
        if done is not None:
            return done
        source = _source_instance(calls, change.instance)
        if source is None:
            cluster = _source_cluster(calls, change.instance)
            begun = calls.restore_cluster(_cluster_restore(change, cluster))
        else:
            begun = calls.restore_instance(_instance_restore(change, source))
        if begun:
            return Applied.CHANGED
        # Another worker began it a moment ago, or AWS did with the first of the client's two attempts.
        done = _done(calls, change)
        if done is None:
            raise TemporaryError(f"database {change.to_instance} is being begun", reason=Reason.INTERNAL)
        return done

    def look(self, instance: str) -> DatabaseRestore | None:
        calls = self._calls()
        found = calls.instance(instance)
        if found is not None:
            at = found.get("Endpoint", {})
            return _standing(found.get("DBInstanceStatus", ""), at.get("Address", ""), at.get("Port", 0))
        cluster = calls.cluster(instance)
        if cluster is None or _lacks_instance(cluster):
            return None
        status, writer = cluster.get("Status", ""), _writer(cluster)
        if status in _AVAILABLE and writer:
            made = calls.instance(writer)
            status = made.get("DBInstanceStatus", "") if made is not None else "creating"
        return _standing(status, cluster.get("Endpoint", ""), cluster.get("Port", 0))


def _source_instance(calls: RdsCalls, name: str) -> "DBInstanceTypeDef | None":
    """Return the instance to restore; None where the name can only be a cluster's."""
    found = calls.instance(name)
    cluster = found.get("DBClusterIdentifier", "") if found is not None else name
    if cluster not in ("", name):
        raise PermanentError(f"database {name} is an instance of the cluster {cluster}: name the cluster")
    return found if not cluster else None


def _source_cluster(calls: RdsCalls, name: str) -> "DBClusterTypeDef":
    found = calls.cluster(name)
    if found is None:
        raise PermanentError(
            f"database {name}: no instance and no cluster in this account and region; {ADVICE}"
        )
    if found.get("EngineMode") == "serverless":
        raise PermanentError(f"database {name} is Aurora Serverless v1, which is not supported")
    return found


def _done(calls: RdsCalls, change: RestoreDatabase) -> Applied | None:
    """Return what came of a restore that was begun before, None when none was."""
    instance = calls.instance(change.to_instance)
    if instance is not None:
        return _already(change, instance.get("TagList", []))
    cluster = calls.cluster(change.to_instance)
    if cluster is None:
        return None
    already = _already(change, cluster.get("TagList", []))
    return _give_instance(calls, change) if _lacks_instance(cluster) else already


def _already(change: RestoreDatabase, tags: "Sequence[TagTypeDef]", *, name: str = "") -> Applied:
    """Return that it was done before. Raises PermanentError when what is there is not this response's."""
    if not any(tag.get("Key") == TAG and tag.get("Value") == change.response_id for tag in tags):
        other = name or change.to_instance
        raise PermanentError(f"database {other} is there already, and is not this response's")
    return Applied.ALREADY


def _lacks_instance(cluster: "DBClusterTypeDef") -> bool:
    """Return whether it is for us to make one: those of a Multi-AZ cluster come by themselves."""
    by_itself = bool(cluster.get("DBClusterInstanceClass"))
    return cluster.get("Status") in _AVAILABLE and not by_itself and not cluster.get("DBClusterMembers")


def _writer(cluster: "DBClusterTypeDef") -> str:
    members = sorted(cluster.get("DBClusterMembers", []), key=lambda m: not m.get("IsClusterWriter", False))
    return members[0].get("DBInstanceIdentifier", "") if members else ""


def _give_instance(calls: RdsCalls, change: RestoreDatabase) -> Applied:
    """Make the restored cluster's instance, of the class of the source's writer."""
    writer = calls.instance(_writer(_source_cluster(calls, change.instance)) or change.instance)
    if writer is None:
        raise PermanentError(f"database {change.instance} has no instance whose class to take over")
    asked: CreateDBInstanceMessageTypeDef = {
        "DBInstanceIdentifier": f"{change.to_instance[: _LONGEST_NAME - 2].rstrip('-')}-1",
        "DBClusterIdentifier": change.to_instance,
        "DBInstanceClass": writer.get("DBInstanceClass", ""),
        "Engine": writer.get("Engine", ""),
        "PubliclyAccessible": writer.get("PubliclyAccessible", False),
        "Tags": _tags(change),
    }
    if parameters := _own(
        group.get("DBParameterGroupName", "") for group in writer.get("DBParameterGroups", [])
    ):
        asked["DBParameterGroupName"] = parameters
    if calls.create_instance(asked):
        return Applied.CHANGED
    name = asked["DBInstanceIdentifier"]
    there = calls.instance(name)
    return _already(change, there.get("TagList", []) if there is not None else [], name=name)


def _instance_restore(
    change: RestoreDatabase, source: "DBInstanceTypeDef"
) -> "RestoreDBInstanceToPointInTimeMessageTypeDef":
    """Return the call. What it does not name AWS sets to a default, not to what the source has."""
    asked: RestoreDBInstanceToPointInTimeMessageTypeDef = {
        "SourceDBInstanceIdentifier": change.instance,
        "TargetDBInstanceIdentifier": change.to_instance,
        "RestoreTime": datetime.fromisoformat(change.at),
        "DBInstanceClass": source.get("DBInstanceClass", ""),
        "MultiAZ": source.get("MultiAZ", False),
        "PubliclyAccessible": source.get("PubliclyAccessible", False),
        "EnableIAMDatabaseAuthentication": source.get("IAMDatabaseAuthenticationEnabled", False),
        "VpcSecurityGroupIds": _ids(source),
        "Tags": _tags(change),
    }
    if subnets := source.get("DBSubnetGroup", {}).get("DBSubnetGroupName"):
        asked["DBSubnetGroupName"] = subnets
    if parameters := _own(
        group.get("DBParameterGroupName", "") for group in source.get("DBParameterGroups", [])
    ):
        asked["DBParameterGroupName"] = parameters
    if options := _own(
        group.get("OptionGroupName", "") for group in source.get("OptionGroupMemberships", [])
    ):
        asked["OptionGroupName"] = options
    return asked


def _cluster_restore(
    change: RestoreDatabase, source: "DBClusterTypeDef"
) -> "RestoreDBClusterToPointInTimeMessageTypeDef":
    """Return the call. What it does not name AWS sets to a default, not to what the source has."""
    asked: RestoreDBClusterToPointInTimeMessageTypeDef = {
        "SourceDBClusterIdentifier": change.instance,
        "DBClusterIdentifier": change.to_instance,
        "RestoreToTime": datetime.fromisoformat(change.at),
        "EnableIAMDatabaseAuthentication": source.get("IAMDatabaseAuthenticationEnabled", False),
        "VpcSecurityGroupIds": _ids(source),
        "Tags": _tags(change),
    }
    if port := source.get("Port"):
        asked["Port"] = port
    if subnets := source.get("DBSubnetGroup"):
        asked["DBSubnetGroupName"] = subnets
    if parameters := _own([source.get("DBClusterParameterGroup", "")]):
        asked["DBClusterParameterGroupName"] = parameters
    if serverless := source.get("ServerlessV2ScalingConfiguration"):
        limits = {"MinCapacity", "MaxCapacity", "SecondsUntilAutoPause"}
        asked["ServerlessV2ScalingConfiguration"] = {k: v for k, v in serverless.items() if k in limits}  # type: ignore[typeddict-item]
    if multi_az := source.get("DBClusterInstanceClass"):
        asked["DBClusterInstanceClass"] = multi_az
    if storage := source.get("StorageType"):
        asked["StorageType"] = storage
    if iops := source.get("Iops"):
        asked["Iops"] = iops
    return asked


def _own(groups: Iterable[str]) -> str:
    """Return the first group that was made for it; AWS gives its own (``default...``) by itself."""
    return next((name for name in groups if name and not name.startswith("default")), "")


def _ids(source: "DBInstanceTypeDef | DBClusterTypeDef") -> list[str]:
    return [group.get("VpcSecurityGroupId", "") for group in source.get("VpcSecurityGroups", [])]


def _tags(change: RestoreDatabase) -> "list[TagTypeDef]":
    return [{"Key": TAG, "Value": change.response_id}]


def _standing(status: str, host: str, port: int) -> DatabaseRestore:
    return DatabaseRestore(
        status,
        available=status in _AVAILABLE,
        failed=status.startswith(_FAILED),
        endpoint=f"{host}:{port}" if host else "",
    )
