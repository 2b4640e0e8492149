"""Where AWS keeps secrets: SSM parameters and Secrets Manager. botocore is loaded with the first look-up."""

from collections.abc import Callable
from functools import cache
from typing import Any

ADVICE = "check the reference in the configuration"


def aws_stores() -> dict[str, Callable[[str], str | None]]:
    """Return the stores by the scheme of their references.

    A store returns None for a secret that does not exist. It raises TemporaryError when AWS does not
    answer, ConfigurationError when it refuses; no error tells a value.
    """
    return {"ssm": parameter, "secretsmanager": secret}


def parameter(name: str) -> str | None:
    """Return an SSM parameter, decrypted (``ssm:GetParameter``, ``kms:Decrypt``)."""
    from shared.adapters.aws import translating

    with translating(f"parameter {name}", "ssm:GetParameter", missing=ADVICE):
        client = _client("ssm")
        try:
            found = client.get_parameter(Name=name, WithDecryption=True)
        except client.exceptions.ParameterNotFound:
            return None
    return str(found["Parameter"]["Value"])


def secret(name: str) -> str | None:
    """Return the current text of a secret of Secrets Manager (``secretsmanager:GetSecretValue``)."""
    from shared.adapters.aws import translating

    with translating(f"secret {name}", "secretsmanager:GetSecretValue", missing=ADVICE):
        client = _client("secretsmanager")
        try:
            found = client.get_secret_value(SecretId=name)
        except client.exceptions.ResourceNotFoundException:
            return None
    text: str | None = found.get("SecretString")
    return text


@cache
def _client(service: str) -> Any:  # noqa: ANN401 - the stubs of these services are not installed
    from shared.adapters import aws

    return aws.make_client(service)
