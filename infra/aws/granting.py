"""Granting: what the configuration adds to the rights of each function.

`roles.yml` has what a function always may. What it may besides follows from what the configuration names:
the secrets that it looks up, the databases that may be restored, the network it runs in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from functions.doctor import references
from shared.settings import SecretRef, Settings
from shared.settings.model import Auth, Ses

ENGINE = ("advance", "doctor", "invoke", "sweep")
"""The functions that reach the cluster and all that the configuration names."""

Statement = Mapping[str, object]

_HERE = "${AWS::Region}:${AWS::AccountId}"
_NETWORK = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda needs of a role whose function runs in a VPC; it cannot be restricted to one."""


@dataclass(frozen=True)
class Surroundings:
    """What is deployed into: the VPC of the engine's functions, the key of the secrets, tracing."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    secrets_key: str = ""
    tracing: bool = False

    @property
    def vpc(self) -> dict[str, object]:
        """Return what Serverless takes for a function's `vpc`; two empty lists are none."""
        return {"subnetIds": list(self.subnets), "securityGroupIds": list(self.security_groups)}


def secrets_of(settings: Settings) -> dict[str, frozenset[SecretRef]]:
    """Return the secrets that each function looks up."""
    auth, pagerduty, slack = settings.auth, settings.pagerduty, settings.slack
    reading = [auth.read, auth.invoke]
    outside = replace(settings, auth=Auth())
    named: Mapping[str, Iterable[object]] = {
        "advance": [outside],
        "alertmanager": [auth.alertmanager],
        "decide": [settings.approval_links],
        "doctor": [settings],
        "freeze": reading,
        "gates": reading,
        "github": [auth.github],
        "health": [],
        "invoke": [auth.invoke, replace(outside, approval_links=None)],
        "pagerduty": [
            auth.pagerduty,
            auth.pagerduty_actions,
            pagerduty and pagerduty.token,
        ],
        "responses": reading,
        "slack": [auth.slack, slack and slack.token],
        "sweep": [outside],
    }
    return {name: frozenset(references(tuple(parts))) for name, parts in named.items()}


def unreachable(settings: Settings) -> list[SecretRef]:
    """Return the references to variables: no secret is ever written into a function's environment."""
    return sorted({ref for ref in references(settings) if ref.scheme == "env"})


def policies(settings: Settings, surroundings: Surroundings) -> dict[str, object]:
    """Return a policy for the role of each function, as `roles.yml` takes it in."""
    return {
        name: {
            "PolicyName": "configured",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    _logging(name),
                    *_secrets(refs, surroundings),
                    *_reaching(name, settings),
                    *_restoring(name, settings),
                    *_inviting(name, settings),
                    *_running(name, surroundings),
                ],
            },
        }
        for name, refs in secrets_of(settings).items()
    }


def _logging(name: str) -> Statement:
    group = {"Fn::GetAtt": [f"{name.title()}LogGroup", "Arn"]}
    return _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group])


def _secrets(refs: Iterable[SecretRef], surroundings: Surroundings) -> Iterator[Statement]:
    """Yield the right to each secret by its name, to which Secrets Manager adds a dash and six letters.

    A key within a secret is not a part of its name.
    """
    found = sorted(refs)
    parameters = [_arn("ssm", f"parameter/{r.name.removeprefix('/')}") for r in found if r.scheme == "ssm"]
    names = sorted({r.name.partition("#")[0] for r in found if r.scheme == "secretsmanager"})
    secrets = [n if n.startswith("arn:") else _arn("secretsmanager", f"secret:{n}-??????") for n in names]
    if parameters:
        yield _allow(["ssm:GetParameter"], parameters)
    if secrets:
        yield _allow(["secretsmanager:GetSecretValue"], secrets)
    if surroundings.secrets_key and (parameters or secrets):
        yield _allow(["kms:Decrypt"], [surroundings.secrets_key])


def _reaching(name: str, settings: Settings) -> Iterator[Statement]:
    """Yield what ``docs/eks.md`` wants: the cluster itself, or the role that knows it."""
    eks = settings.kubernetes.eks
    if eks is None or name not in ENGINE:
        return
    if eks.role:
        yield _allow(["sts:AssumeRole"], [eks.role])
    else:
        yield _allow(["eks:DescribeCluster"], [_arn("eks", f"cluster/{eks.name}", region=eks.region)])


def _inviting(name: str, settings: Settings) -> Iterator[Statement]:
    """Yield the right to send invitations, from whatever identity of SES's the sender belongs to.

    SendEmail is what is called; for a message that is made already, SES asks for the right to send it raw.
    """
    by = settings.meetings.by if settings.meetings is not None else None
    if not isinstance(by, Ses):
        return
    if name in {"advance", "sweep"}:
        identities = [_arn("ses", "identity/*", region=by.region)]
        yield _allow(["ses:SendEmail", "ses:SendRawEmail"], identities)
    if name == "doctor":
        yield _allow(["ses:GetAccount"], ["*"])


def _restoring(name: str, settings: Settings) -> Iterator[Statement]:
    """Yield what ``docs/databases.md`` wants, for the databases that services name and their copies."""
    databases = sorted({s.remedies.database for s in settings.services if s.remedies.database})
    if not databases or name not in {"advance", "doctor"}:
        return
    yield _allow(["rds:DescribeDBClusters", "rds:DescribeDBInstances"], ["*"])
    if name == "advance":
        made = [_arn("rds", f"{kind}:{each}*") for each in databases for kind in ("db", "cluster")]
        groups = [_arn("rds", f"{kind}:*") for kind in ("cluster-pg", "og", "pg", "subgrp")]
        yield _allow(
            [
                "rds:AddTagsToResource",
                "rds:CreateDBInstance",
                "rds:RestoreDBClusterToPointInTime",
                "rds:RestoreDBInstanceToPointInTime",
            ],
            made + groups,
        )


def _running(name: str, surroundings: Surroundings) -> Iterator[Statement]:
    if name in ENGINE and surroundings.subnets:
        yield _allow(_NETWORK, ["*"])
    if surroundings.tracing:
        yield _allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])


def _arn(service: str, resource: str, *, region: str = "") -> object:
    where = f"{region}:${{AWS::AccountId}}" if region else _HERE
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{where}:{resource}"}


def _allow(actions: Iterable[str], resources: Sequence[object]) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}
