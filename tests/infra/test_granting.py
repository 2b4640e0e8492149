from typing import Any

import pytest

from infra.aws.granting import ENGINE, Surroundings, policies, secrets_of, unreachable
from shared.settings import Settings, parse

CONFIG = """
cluster: prod
auth: {alertmanager: "ssm:/backout/alerts", invoke: {ci: "secretsmanager:ci"}, read: "env:READ"}
github: {token: "secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:gh-AbCdEf"}
guardrails: {namespaces: [production]}
services:
  - name: checkout
    workload: production/deployment/checkout
    remedies: {database: shop}
"""
HERE = "${AWS::Region}:${AWS::AccountId}"


@pytest.fixture
def settings() -> Settings:
    return parse(CONFIG)


def granted(settings: Settings, name: str, surroundings: Surroundings | None = None) -> dict[str, list[Any]]:
    """Return the resources of each action that a function is granted."""
    policy: Any = policies(settings, surroundings or Surroundings())[name]
    statements = policy["PolicyDocument"]["Statement"]
    return {action: each["Resource"] for each in statements for action in each["Action"]}


def sub(service: str, resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{HERE}:{resource}"}


def test_a_webhook_reads_its_own_secret_and_no_other(settings: Settings) -> None:
    found = granted(settings, "alertmanager")

    assert found["ssm:GetParameter"] == [sub("ssm", "parameter/backout/alerts")]
    assert "secretsmanager:GetSecretValue" not in found


def test_a_secret_is_named_as_secrets_manager_ends_it_or_by_its_arn(settings: Settings) -> None:
    assert granted(settings, "invoke")["secretsmanager:GetSecretValue"] == [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:gh-AbCdEf",
        sub("secretsmanager", "secret:ci-??????"),
    ]


def test_a_key_within_a_secret_is_no_part_of_its_name() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gh-AbCdEf"
    keyed = parse(f"""
cluster: prod
auth: {{alertmanager: ["secretsmanager:doors#new", "secretsmanager:doors#old", "secretsmanager:{arn}#k"]}}
guardrails: {{namespaces: [production]}}
""")

    found = granted(keyed, "alertmanager")["secretsmanager:GetSecretValue"]
    assert found == [arn, sub("secretsmanager", "secret:doors-??????")]


def test_the_worker_lets_nobody_in_and_so_reads_no_credential_of_a_door(settings: Settings) -> None:
    assert {ref.name for ref in secrets_of(settings)["advance"]} == {
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:gh-AbCdEf"
    }


def test_a_secret_in_a_variable_is_told(settings: Settings) -> None:
    assert unreachable(settings) == ["env:READ"]


def test_the_key_of_the_secrets_is_granted_to_who_reads_any(settings: Settings) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    surroundings = Surroundings(secrets_key=key)

    assert granted(settings, "alertmanager", surroundings)["kms:Decrypt"] == [key]
    assert "kms:Decrypt" not in granted(settings, "health", surroundings)


def test_only_the_worker_restores_databases_and_only_those_that_are_named(settings: Settings) -> None:
    found = granted(settings, "advance")["rds:RestoreDBInstanceToPointInTime"]

    assert sub("rds", "db:shop*") in found
    assert all("rds:Restore" not in action for n in ("doctor", "sweep") for action in granted(settings, n))
    assert "rds:DescribeDBInstances" in granted(settings, "doctor")


def test_what_a_network_needs_goes_to_those_who_run_in_it(settings: Settings) -> None:
    surroundings = Surroundings(subnets=("subnet-1",), security_groups=("sg-1",))
    names = {
        n for n in secrets_of(settings) if "ec2:CreateNetworkInterface" in granted(settings, n, surroundings)
    }

    assert names == set(ENGINE)
    assert surroundings.vpc == {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}


def test_tracing_is_granted_only_where_it_is_switched_on(settings: Settings) -> None:
    assert "xray:PutTraceSegments" not in granted(settings, "health")
    assert "xray:PutTraceSegments" in granted(settings, "health", Surroundings(tracing=True))


def test_an_eks_cluster_is_described_by_those_who_reach_it() -> None:
    eks = parse(CONFIG + "kubernetes: {eks: {name: shop, region: eu-central-1}}\n")
    arn = {"Fn::Sub": "arn:${AWS::Partition}:eks:eu-central-1:${AWS::AccountId}:cluster/shop"}

    assert {n for n in secrets_of(eks) if granted(eks, n).get("eks:DescribeCluster") == [arn]} == set(ENGINE)


def test_a_role_that_knows_the_cluster_is_assumed_instead() -> None:
    role = "arn:aws:iam::123456789012:role/backout"
    eks = parse(CONFIG + f'kubernetes: {{eks: {{name: shop, role: "{role}"}}}}\n')

    assert granted(eks, "advance")["sts:AssumeRole"] == [role]
    assert "eks:DescribeCluster" not in granted(eks, "advance")


def test_only_the_worker_and_the_sweep_send_invitations_by_ses() -> None:
    inviting = parse(CONFIG + "meetings: {from: backout@example.com, ses: {}}\n")

    for action in ("ses:SendEmail", "ses:SendRawEmail"):
        assert {n for n in secrets_of(inviting) if action in granted(inviting, n)} == {"advance", "sweep"}
    assert granted(inviting, "doctor")["ses:GetAccount"] == ["*"]
