import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from shared.adapters.rds import RdsDatabases
from shared.domain.changes import Applied, RestoreDatabase
from shared.domain.reasons import Reason
from shared.domain.workloads import WorkloadRef
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.ports import DatabaseRestore

if TYPE_CHECKING:
    from mypy_boto3_rds.client import RDSClient
    from mypy_boto3_rds.type_defs import DBClusterTypeDef, DBInstanceTypeDef

AT = datetime(2026, 3, 2, 11, 59, tzinfo=UTC)
OURS = [{"Key": "backout:response", "Value": "r1"}]
ANSWERED = {"ResponseMetadata": {"RequestId": "1"}}


def a_client(endpoint_url: str | None = None) -> "RDSClient":
    return boto3.session.Session().client(
        "rds",
        region_name="eu-central-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
    )


@pytest.fixture
def client() -> "Iterator[RDSClient]":
    with mock_aws():
        yield a_client()


@pytest.fixture
def databases(client: "RDSClient") -> RdsDatabases:
    return RdsDatabases(lambda: client)


def restoring(
    instance: str = "shop", *, to: str = "shop-r1", response_id: str = "r1", at: datetime = AT
) -> RestoreDatabase:
    workload = WorkloadRef("prod", "production", "deployment", "checkout")
    return RestoreDatabase(
        workload=workload, response_id=response_id, instance=instance, to_instance=to, at=at.isoformat()
    )


def subnets(client: "RDSClient") -> str:
    ec2 = boto3.client(
        "ec2", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ids = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for n, zone in enumerate("ab")
    ]
    client.create_db_subnet_group(
        DBSubnetGroupName="private",
        DBSubnetGroupDescription="private",
        SubnetIds=[made["Subnet"]["SubnetId"] for made in ids],
    )
    return "private"


def an_instance(client: "RDSClient", name: str = "shop", *, retention: int = 7) -> None:
    client.create_db_parameter_group(
        DBParameterGroupName=f"{name}-parameters", DBParameterGroupFamily="postgres16", Description="tuned"
    )
    client.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.r6g.large",
        Engine="postgres",
        EngineVersion="16.3",
        AllocatedStorage=100,
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
        BackupRetentionPeriod=retention,
        DBSubnetGroupName=subnets(client),
        VpcSecurityGroupIds=["sg-0123456789"],
        DBParameterGroupName=f"{name}-parameters",
        EnableIAMDatabaseAuthentication=True,
        MultiAZ=True,
    )


def a_cluster(client: "RDSClient", name: str = "shop", *, instances: int = 1) -> None:
    client.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
        BackupRetentionPeriod=7,
        Port=5433,
        DBSubnetGroupName=subnets(client),
        VpcSecurityGroupIds=["sg-0123456789"],
    )
    for n in range(instances):
        client.create_db_instance(
            DBInstanceIdentifier=f"{name}-{n}",
            DBClusterIdentifier=name,
            DBInstanceClass="db.r6g.xlarge",
            Engine="aurora-postgresql",
        )


def instance(client: "RDSClient", name: str) -> "DBInstanceTypeDef":
    return client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def cluster(client: "RDSClient", name: str) -> "DBClusterTypeDef":
    return client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]


def test_an_instance_tells_until_when_it_can_be_restored(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    an_instance(client)

    latest = databases.latest("shop")

    assert latest.tzinfo is not None
    assert abs(datetime.now(UTC) - latest) < timedelta(minutes=1)


def test_an_instance_is_restored_beside_itself_and_like_itself(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    an_instance(client)

    assert databases.apply(restoring()) is Applied.CHANGED

    source, made = instance(client, "shop"), instance(client, "shop-r1")
    assert made["TagList"] == OURS
    assert made["DBInstanceClass"] == "db.r6g.large"
    assert made["DBSubnetGroup"]["DBSubnetGroupName"] == "private"
    assert [g["DBParameterGroupName"] for g in made["DBParameterGroups"]] == ["shop-parameters"]
    for same in ("VpcSecurityGroups", "MultiAZ", "IAMDatabaseAuthenticationEnabled"):
        assert made[same] == source[same]
    assert "TagList" not in source or source["TagList"] == []


def test_what_is_restored_is_looked_at(client: "RDSClient", databases: RdsDatabases) -> None:
    an_instance(client)
    assert databases.look("shop-r1") is None
    databases.apply(restoring())

    endpoint = instance(client, "shop-r1")["Endpoint"]
    assert databases.look("shop-r1") == DatabaseRestore(
        "available", available=True, endpoint=f"{endpoint['Address']}:{endpoint['Port']}"
    )


def test_a_response_restores_once(client: "RDSClient", databases: RdsDatabases) -> None:
    an_instance(client)
    databases.apply(restoring())

    assert databases.apply(restoring(at=AT - timedelta(minutes=5))) is Applied.ALREADY

    assert len(client.describe_db_instances()["DBInstances"]) == 2


def test_what_is_there_and_not_this_responses_is_left_alone(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    an_instance(client)
    databases.apply(restoring())

    with pytest.raises(PermanentError, match="shop-r1 is there already, and is not this response's"):
        databases.apply(restoring(response_id="r2"))
    with pytest.raises(PermanentError, match="shop is there already"):
        databases.apply(restoring(to="shop"))


def test_an_unknown_database_is_named(databases: RdsDatabases) -> None:
    with pytest.raises(PermanentError, match="database carts: no instance and no cluster"):
        databases.latest("carts")
    with pytest.raises(PermanentError, match="database carts: no instance and no cluster"):
        databases.apply(restoring("carts"))


def test_an_instance_that_keeps_no_backups_cannot_be_restored(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    an_instance(client, retention=0)

    with pytest.raises(PermanentError, match="backup retention period"):
        databases.latest("shop")


def test_an_aurora_cluster_is_restored_and_then_given_an_instance(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    a_cluster(client)
    assert databases.latest("shop").tzinfo is not None

    assert databases.apply(restoring()) is Applied.CHANGED
    made = cluster(client, "shop-r1")
    assert made["TagList"] == OURS
    assert made["DBSubnetGroup"] == "private"
    assert made["Port"] == 5433
    assert [g["VpcSecurityGroupId"] for g in made["VpcSecurityGroups"]] == ["sg-0123456789"]
    assert databases.look("shop-r1") is None

    assert databases.apply(restoring()) is Applied.CHANGED
    member = instance(client, "shop-r1-1")
    assert member["DBClusterIdentifier"] == "shop-r1"
    assert member["DBInstanceClass"] == "db.r6g.xlarge"
    assert member["TagList"] == OURS
    assert databases.look("shop-r1") == DatabaseRestore(
        "available", available=True, endpoint=f"{made['Endpoint']}:5433"
    )

    assert databases.apply(restoring()) is Applied.ALREADY


def test_another_responses_cluster_is_left_alone(client: "RDSClient", databases: RdsDatabases) -> None:
    a_cluster(client)
    databases.apply(restoring())

    with pytest.raises(PermanentError, match="not this response's"):
        databases.apply(restoring(response_id="r2"))
    assert cluster(client, "shop-r1")["DBClusterMembers"] == []


def test_an_instance_of_a_cluster_names_the_cluster(client: "RDSClient", databases: RdsDatabases) -> None:
    a_cluster(client)

    with pytest.raises(PermanentError, match="instance of the cluster shop: name the cluster"):
        databases.latest("shop-0")


def test_the_name_of_a_clusters_instance_is_never_too_long(
    client: "RDSClient", databases: RdsDatabases
) -> None:
    a_cluster(client)
    change = restoring(to="s" * 63)

    databases.apply(change)
    databases.apply(change)

    [member] = cluster(client, "s" * 63)["DBClusterMembers"]
    assert member["DBInstanceIdentifier"] == "s" * 61 + "-1"


@pytest.fixture
def stub() -> "Iterator[tuple[Stubber, RdsDatabases]]":
    """What moto does not play: states, refusals, and time."""
    client = a_client("http://127.0.0.1:9")
    with Stubber(client) as stub:
        yield stub, RdsDatabases(lambda: client)
        stub.assert_no_pending_responses()


def answers(stub: Stubber, *, instance: object = None, cluster: object = None) -> None:
    """Answer what asks for one name: an instance of it, or else a cluster."""
    if instance is not None:
        stub.add_response("describe_db_instances", {"DBInstances": [instance], **ANSWERED})
        return
    stub.add_client_error("describe_db_instances", "DBInstanceNotFound", http_status_code=404)
    if cluster is not None:
        stub.add_response("describe_db_clusters", {"DBClusters": [cluster], **ANSWERED})
    else:
        stub.add_client_error("describe_db_clusters", "DBClusterNotFoundFault", http_status_code=404)


Stubbed = tuple[Stubber, RdsDatabases]
SOURCE = {"DBInstanceIdentifier": "shop", "DBInstanceClass": "db.t4g.micro", "BackupRetentionPeriod": 7}


@pytest.mark.parametrize(
    ("status", "available", "failed"),
    [
        ("creating", False, False),
        ("backing-up", False, False),
        ("available", True, False),
        ("storage-optimization", True, False),
        ("failed", False, True),
        ("restore-error", False, True),
        ("incompatible-restore", False, True),
        ("inaccessible-encryption-credentials", False, True),
        ("deleting", False, True),
    ],
)
def test_a_status_says_whether_it_is_there_or_failed(
    stub: Stubbed, status: str, available: bool, failed: bool
) -> None:
    answers(stub[0], instance={"DBInstanceStatus": status})

    assert stub[1].look("shop-r1") == DatabaseRestore(status, available=available, failed=failed)


def test_a_cluster_is_there_only_once_its_writer_is(stub: Stubbed) -> None:
    made = {"Endpoint": "shop-r1.cluster.example.com", "Port": 5432}
    answers(stub[0], cluster={**made, "Status": "creating"})
    looked = stub[1].look("shop-r1")
    assert looked is not None
    assert (looked.status, looked.available) == ("creating", False)

    members = [
        {"DBInstanceIdentifier": "reader"},
        {"DBInstanceIdentifier": "writer", "IsClusterWriter": True},
    ]
    answers(stub[0], cluster={**made, "Status": "available", "DBClusterMembers": members})
    stub[0].add_response(
        "describe_db_instances",
        {"DBInstances": [{"DBInstanceStatus": "configuring-log-exports"}], **ANSWERED},
        {"DBInstanceIdentifier": "writer"},
    )
    looked = stub[1].look("shop-r1")
    assert looked is not None
    assert (looked.status, looked.available) == ("configuring-log-exports", False)


def test_a_multi_az_cluster_gets_its_instances_by_itself(stub: Stubbed) -> None:
    own = {"DBClusterInstanceClass": "db.m6gd.large", "StorageType": "io1", "Iops": 3000}
    answers(stub[0])
    answers(stub[0], cluster={"DBClusterIdentifier": "shop", **own})
    stub[0].add_response(
        "restore_db_cluster_to_point_in_time",
        ANSWERED,
        {
            "SourceDBClusterIdentifier": "shop",
            "DBClusterIdentifier": "shop-r1",
            "RestoreToTime": AT,
            "EnableIAMDatabaseAuthentication": False,
            "VpcSecurityGroupIds": [],
            "Tags": OURS,
            **own,
        },
    )
    assert stub[1].apply(restoring()) is Applied.CHANGED

    answers(stub[0], cluster={"Status": "available", "TagList": OURS, **own})
    assert stub[1].apply(restoring()) is Applied.ALREADY


def test_a_serverless_cluster_keeps_its_capacities(stub: Stubbed) -> None:
    capacities = {"MinCapacity": 0.5, "MaxCapacity": 16.0}
    answers(stub[0])
    answers(stub[0], cluster={"DBClusterIdentifier": "shop", "ServerlessV2ScalingConfiguration": capacities})
    stub[0].add_response(
        "restore_db_cluster_to_point_in_time",
        ANSWERED,
        {
            "SourceDBClusterIdentifier": "shop",
            "DBClusterIdentifier": "shop-r1",
            "RestoreToTime": AT,
            "EnableIAMDatabaseAuthentication": False,
            "VpcSecurityGroupIds": [],
            "Tags": OURS,
            "ServerlessV2ScalingConfiguration": capacities,
        },
    )

    assert stub[1].apply(restoring()) is Applied.CHANGED


def test_a_clusters_instance_that_another_made_is_left_alone(stub: Stubbed) -> None:
    answers(stub[0], cluster={"Status": "available", "TagList": OURS})
    members = [{"DBInstanceIdentifier": "shop-0", "IsClusterWriter": True}]
    stub[0].add_response("describe_db_clusters", {"DBClusters": [{"DBClusterMembers": members}], **ANSWERED})
    answers(stub[0], instance={"DBInstanceClass": "db.r6g.large", "Engine": "aurora-mysql"})
    stub[0].add_client_error("create_db_instance", "DBInstanceAlreadyExists", http_status_code=400)
    answers(stub[0], instance={"DBInstanceIdentifier": "shop-r1-1"})

    with pytest.raises(PermanentError, match="shop-r1-1 is there already"):
        stub[1].apply(restoring())


def test_the_time_that_was_asked_for_is_restored_to(stub: Stubbed) -> None:
    answers(stub[0])
    answers(stub[0], instance=SOURCE)
    stub[0].add_response(
        "restore_db_instance_to_point_in_time",
        ANSWERED,
        {
            "SourceDBInstanceIdentifier": "shop",
            "TargetDBInstanceIdentifier": "shop-r1",
            "RestoreTime": AT,
            "DBInstanceClass": "db.t4g.micro",
            "MultiAZ": False,
            "PubliclyAccessible": False,
            "EnableIAMDatabaseAuthentication": False,
            "VpcSecurityGroupIds": [],
            "Tags": OURS,
        },
    )

    assert stub[1].apply(restoring()) is Applied.CHANGED


def test_a_time_that_cannot_be_restored_to_is_refused_in_awss_words(stub: Stubbed) -> None:
    said = "The specified instance cannot be restored to a time earlier than 2026-02-23"
    answers(stub[0])
    answers(stub[0], instance=SOURCE)
    stub[0].add_client_error("restore_db_instance_to_point_in_time", "InvalidParameterValue", said, 400)

    with pytest.raises(PermanentError, match=said):
        stub[1].apply(restoring(at=AT - timedelta(days=365)))


@pytest.mark.parametrize("error", ["InvalidDBInstanceState", "InsufficientDBInstanceCapacity", "Throttling"])
def test_what_may_pass_is_a_temporary_error(stub: Stubbed, error: str) -> None:
    answers(stub[0])
    answers(stub[0], instance=SOURCE)
    stub[0].add_client_error("restore_db_instance_to_point_in_time", error, http_status_code=400)

    with pytest.raises(TemporaryError, match="shop-r1") as refused:
        stub[1].apply(restoring())
    assert refused.value.reason is Reason.INTERNAL


def test_a_restore_that_was_begun_in_between_is_known_by_its_tag(stub: Stubbed) -> None:
    for tags in (OURS, []):
        answers(stub[0])
        answers(stub[0], instance=SOURCE)
        stub[0].add_client_error("restore_db_instance_to_point_in_time", "DBInstanceAlreadyExists")
        answers(stub[0], instance={"DBInstanceIdentifier": "shop-r1", "TagList": tags})

    assert stub[1].apply(restoring()) is Applied.ALREADY
    with pytest.raises(PermanentError, match="not this response's"):
        stub[1].apply(restoring())


def test_a_restore_that_was_begun_and_does_not_show_yet_is_read_again(stub: Stubbed) -> None:
    answers(stub[0])
    answers(stub[0], instance=SOURCE)
    stub[0].add_client_error("restore_db_instance_to_point_in_time", "DBInstanceAlreadyExists")
    answers(stub[0])

    with pytest.raises(TemporaryError, match="shop-r1 is being begun"):
        stub[1].apply(restoring())


def test_an_instance_without_a_time_yet_cannot_be_restored(stub: Stubbed) -> None:
    answers(stub[0], instance=SOURCE)

    with pytest.raises(PermanentError, match="no time yet"):
        stub[1].latest("shop")


def test_aurora_serverless_v1_is_refused(stub: Stubbed) -> None:
    answers(stub[0], cluster={"DBClusterIdentifier": "shop", "EngineMode": "serverless"})

    with pytest.raises(PermanentError, match="Serverless v1"):
        stub[1].latest("shop")


def test_a_right_that_lacks_is_named(stub: Stubbed) -> None:
    stub[0].add_client_error("describe_db_instances", "AccessDenied", "no", http_status_code=403)

    with pytest.raises(ConfigurationError, match="rds:DescribeDBInstances"):
        stub[1].look("shop")


def test_rds_that_throttles_or_does_not_answer_is_a_temporary_error(stub: Stubbed) -> None:
    stub[0].add_client_error("describe_db_instances", "Throttling", http_status_code=400)
    with pytest.raises(TemporaryError, match="Throttling"):
        stub[1].latest("shop")

    with pytest.raises(TemporaryError, match="did not answer"):
        RdsDatabases(lambda: a_client("http://127.0.0.1:9")).look("shop")


def test_another_page_in_place_of_an_answer_is_a_temporary_error(stub: Stubbed) -> None:
    stub[0].add_response("describe_db_instances", {"ResponseMetadata": {}})

    with pytest.raises(TemporaryError, match="something else answered"):
        stub[1].latest("shop")


def test_boto3_is_not_loaded_before_the_first_call() -> None:
    code = (
        "import sys, shared.adapters.rds as r; r.RdsDatabases(); "
        "sys.exit(any(m == 'boto3' or m.startswith('mypy_boto3') for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
