import subprocess
import sys
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from shared.adapters import secret_stores
from shared.adapters.secret_stores import aws_stores
from shared.errors import ConfigurationError
from shared.settings import SecretRef, Secrets


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    secret_stores._client.cache_clear()
    with mock_aws():
        yield Secrets(aws_stores())
    secret_stores._client.cache_clear()


def test_an_ssm_parameter_is_read_decrypted(secrets: Secrets) -> None:
    boto3.client("ssm").put_parameter(Name="/backout/ci", Value="s3cret\n", Type="SecureString")

    assert secrets.value(SecretRef("ssm:/backout/ci")) == "s3cret"


def test_a_secret_of_secrets_manager_is_read(secrets: Secrets) -> None:
    boto3.client("secretsmanager").create_secret(Name="backout-ci", SecretString="s3cret")

    assert secrets.value(SecretRef("secretsmanager:backout-ci")) == "s3cret"


@pytest.mark.parametrize("ref", ["ssm:/backout/none", "secretsmanager:none"])
def test_a_secret_that_is_not_there_is_named(secrets: Secrets, ref: str) -> None:
    with pytest.raises(ConfigurationError, match=ref):
        secrets.value(SecretRef(ref))


def test_boto3_is_not_loaded_before_the_first_look_up() -> None:
    code = (
        "import sys, shared.adapters.secret_stores as s; s.aws_stores(); sys.exit('botocore' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("stored", ['{"user": "bot"}', '{"token": 7}', '{"token": ""}'])
def test_a_key_that_a_secret_has_not_is_named(secrets: Secrets, stored: str) -> None:
    boto3.client("secretsmanager").create_secret(Name="backout-ci", SecretString=stored)

    with pytest.raises(ConfigurationError, match="secretsmanager:backout-ci#token"):
        secrets.value(SecretRef("secretsmanager:backout-ci#token"))


@pytest.mark.parametrize("stored", ["s3cret", '["s3cret"]', '{"s3cret'])
def test_a_secret_that_has_no_keys_is_told_without_being_quoted(secrets: Secrets, stored: str) -> None:
    boto3.client("secretsmanager").create_secret(Name="backout-ci", SecretString=stored)

    with pytest.raises(ConfigurationError, match="backout-ci is no JSON object") as told:
        secrets.value(SecretRef("secretsmanager:backout-ci#token"))
    assert "s3cret" not in str(told.value)
