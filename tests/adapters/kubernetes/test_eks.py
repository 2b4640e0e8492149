"""An EKS cluster is reached by an AWS role: by a token that it verifies, and that is renewed in time."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.credentials import Credentials
from botocore.session import Session
from kubernetes.client import Configuration
from moto import mock_aws
from moto.eks.models import eks_backends

from shared.adapters.kubernetes.connection import Answer as ClusterAnswer
from shared.adapters.kubernetes.connection import Budget, Connection
from shared.adapters.kubernetes.eks import TOKEN_SECONDS, EksAccess
from shared.adapters.kubernetes.resources import VERSION
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from tests.fakes.eks import CLUSTER, LONGEST, REGION, described, verdict
from tests.fakes.http_server import Answer, Request, Server, serving

OLD, NEW = Credentials("AKIAOLD", "old-secret"), Credentials("AKIANEW", "new-secret", "a-session-token")


@dataclass
class Eks:
    """A cluster that verifies tokens, AWS's API that describes it, and the session that signs."""

    api: Server
    aws: Server
    session: Session = field(default_factory=Session)
    accepted: list[Credentials] = field(default_factory=lambda: [OLD, NEW])
    seconds: float = 0.0
    tokens: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        self.verdicts.append(verdict(token, self.accepted))
        if self.verdicts[-1]:
            return Answer(401, b'{"kind": "Status", "message": "Unauthorized"}')
        return Answer(body=b"{}")

    def access(self, **fields: str) -> EksAccess:
        return EksAccess(
            CLUSTER, session=lambda: self.session, clock=lambda: self.seconds, **{"region": REGION, **fields}
        )


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Eks]:
    with serving(lambda _: Answer()) as api, serving(lambda _: described(api.url)) as aws:
        made = Eks(api, aws)
        api.answers = made.answer
        as_key(made.session, OLD)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", aws.url)
        yield made


def as_key(session: Session, key: Credentials) -> None:
    session.set_credentials(key.access_key, key.secret_key, key.token)


def asked(connection: Connection) -> ClusterAnswer:
    return connection.send(VERSION, Budget(5.0))


@pytest.fixture
def connection(eks: Eks) -> Iterator[Connection]:
    made = Connection(access=eks.access())
    yield made
    made.close()


def test_the_cluster_accepts_the_token_and_is_described_once(eks: Eks, connection: Connection) -> None:
    assert [asked(connection).status for _ in range(3)] == [200, 200, 200]

    [request] = eks.aws.requests
    assert (request.method, request.path) == ("GET", f"/clusters/{CLUSTER}")
    assert f"/{REGION}/eks/aws4_request" in request.headers["authorization"]
    assert eks.verdicts == ["", "", ""]


def test_temporary_credentials_sign_too(eks: Eks, connection: Connection) -> None:
    as_key(eks.session, NEW)
    token = eks.access()._authorization().removeprefix("Bearer ")

    assert len(token) <= 4096
    assert verdict(token, [OLD]) == "an unknown key"


def test_a_token_is_used_until_it_is_nearly_too_old_and_then_another_is_signed(
    eks: Eks, connection: Connection
) -> None:
    asked(connection)
    as_key(eks.session, NEW)  # the key in it tells one token from another of the same second
    eks.seconds = TOKEN_SECONDS - 0.1
    asked(connection)
    eks.seconds = TOKEN_SECONDS
    asked(connection)

    first, second, third = eks.tokens
    assert first == second != third
    assert timedelta(seconds=TOKEN_SECONDS) < LONGEST


def test_a_token_that_is_older_than_a_quarter_of_an_hour_is_rejected(eks: Eks) -> None:
    """What the time limit is for: said by the stand-in, as the authenticator says it."""
    token = eks.access()._authorization().removeprefix("Bearer ")

    now = datetime.now(UTC)
    assert verdict(token, [OLD], now=now + timedelta(minutes=14)) == ""
    assert verdict(token, [OLD], now=now + timedelta(minutes=15, seconds=3)) == "too old"


def test_a_token_that_is_rejected_is_signed_anew_once(eks: Eks, connection: Connection) -> None:
    asked(connection)
    as_key(eks.session, NEW)
    eks.accepted, eks.seconds = [NEW], 60.0

    assert asked(connection).status == 200
    assert eks.verdicts == ["", "an unknown key", ""]
    assert len(eks.aws.requests) == 1


def test_a_role_that_the_cluster_does_not_know_is_told_after_one_try(
    eks: Eks, connection: Connection
) -> None:
    eks.accepted = []

    answer = asked(connection)

    assert answer.status == 401
    assert len(eks.tokens) == 1
    assert isinstance(answer.refusal(), PermanentError)


def test_a_cluster_that_is_not_there_is_a_fault_of_the_configuration(eks: Eks) -> None:
    said = Answer(404, b'{"message": "No cluster found"}', {"x-amzn-errortype": "ResourceNotFoundException"})
    eks.aws.answers = lambda _: said
    connection = Connection(access=eks.access())

    with pytest.raises(
        ConfigurationError, match=r"EKS cluster shop-prod, eks:DescribeCluster.*kubernetes\.eks"
    ):
        asked(connection)
    connection.close()


def test_a_cluster_that_is_being_made_is_tried_again(eks: Eks) -> None:
    eks.aws.answers = lambda _: Answer(body=b'{"cluster": {"name": "shop-prod", "status": "CREATING"}}')
    connection = Connection(access=eks.access())

    with pytest.raises(TemporaryError, match="is CREATING"):
        asked(connection)
    connection.close()


def test_an_aws_that_is_busy_is_temporary(eks: Eks) -> None:
    eks.aws.answers = lambda _: Answer(503, b"{}")
    connection = Connection(access=eks.access())

    with pytest.raises(TemporaryError, match="eks:DescribeCluster"):
        asked(connection)
    connection.close()


@pytest.mark.parametrize("role", ["", "arn:aws:iam::123456789012:role/backout-prod"])
def test_without_credentials_the_configuration_is_at_fault(
    eks: Eks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    eks.session = Session()

    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        eks.access(role=role)._authorization()


def test_the_cluster_is_known_by_the_authorities_that_aws_tells(eks: Eks, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    eks.api.socket = context.wrap_socket(eks.api.socket, server_side=True)
    url = eks.api.url.replace("http:", "https:")

    eks.aws.answers = lambda _: described(url, authority.cert_pem.bytes().decode())
    trusting = Connection(access=eks.access())
    assert asked(trusting).status == 200
    trusting.close()

    eks.aws.answers = lambda _: described(url, stranger.cert_pem.bytes().decode())
    wary = Connection(access=eks.access())
    with pytest.raises(TemporaryError, match="certificate verify failed"):
        asked(wary)
    wary.close()


def test_a_role_is_taken_first(eks: Eks, monkeypatch: pytest.MonkeyPatch) -> None:
    assumed = Credentials("ASIAROLE", "role-secret", "role-token")
    until = datetime.now(UTC) + timedelta(hours=1)
    said = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
      <Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
      <SessionToken>role-token</SessionToken><Expiration>{until:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>
      </AssumeRoleResult></AssumeRoleResponse>"""
    eks.accepted = [assumed]
    with serving(lambda _: Answer(body=said.encode(), headers={"Content-Type": "text/xml"})) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        connection = Connection(access=eks.access(role="arn:aws:iam::123456789012:role/backout-prod"))
        assert asked(connection).status == 200
        connection.close()

        [request] = sts.requests
    assert request.form["RoleArn"] == "arn:aws:iam::123456789012:role/backout-prod"
    assert request.form["RoleSessionName"] == "backout"
    assert "AKIAOLD" in request.headers["authorization"]
    assert "ASIAROLE" in eks.aws.requests[0].headers["authorization"]


def test_a_role_that_is_not_given_in_time_is_temporary(eks: Eks, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a VPC without a way to STS, say; botocore's own patience is five times a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        began_at = time.monotonic()
        with pytest.raises(TemporaryError, match="sts:AssumeRole"):
            eks.access(role="arn:aws:iam::123456789012:role/backout-prod")._authorization()

    assert time.monotonic() - began_at < 10.0


def test_the_region_is_the_session_s_unless_one_is_named(eks: Eks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"kubernetes\.eks\.region"):
        eks.access(region="")._authorization()

    eks.session.set_config_variable("region", REGION)
    assert verdict(eks.access(region="")._authorization().removeprefix("Bearer "), [OLD]) == ""


def test_what_describe_cluster_says_is_read_as_aws_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("eks", region_name=REGION)
        vpc = {"subnetIds": ["subnet-1"], "securityGroupIds": []}
        made = client.create_cluster(
            name=CLUSTER, roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig=vpc
        )["cluster"]
        authority = trustme.CA().cert_pem.bytes()
        stored: Any = eks_backends["123456789012"][REGION].clusters[CLUSTER]
        stored.certificateAuthority = {
            "data": base64.b64encode(authority).decode()
        }  # moto's is no certificate
        settings = Configuration()
        EksAccess(CLUSTER, region=REGION).configure(settings)

    assert settings.host == made["endpoint"]
    assert settings.ca_cert_data == authority.decode()
    assert json.dumps(settings.api_key).count("k8s-aws-v1.") == 1
