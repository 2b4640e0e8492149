"""Where AWS keeps secrets: SSM parameters and Secrets Manager. botocore is loaded with the first look-up."""

from collections.abc import Callable
from functools import cache
from typing import Any

from shared import wire
from shared.errors import ConfigurationError

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
    """Return the current text of a secret of Secrets Manager (``secretsmanager:GetSecretValue``).

    ``name#key`` is the text under a key of a secret that is a JSON object, as the rotation of AWS stores it.
    """
    from shared.adapters.aws import translating

    whole, _, key = name.partition("#")
    with translating(f"secret {whole}", "secretsmanager:GetSecretValue", missing=ADVICE):
        client = _client("secretsmanager")
        try:
            found = client.get_secret_value(SecretId=whole)
        except client.exceptions.ResourceNotFoundException:
            return None
    text: str | None = found.get("SecretString")
    return _of_key(whole, key, text) if key and text is not None else text


def _of_key(name: str, key: str, text: str) -> str | None:
    try:
        values = wire.decode(dict[str, object], text)
    except ValueError:
        # The decoder's own words may quote the secret.
        raise ConfigurationError(f"secret {name} is no JSON object, so it has no key {key}") from None
    found = values.get(key)
    return found if isinstance(found, str) else None


@cache
def _client(service: str) -> Any:  # noqa: ANN401 - the stubs of these services are not installed
    from shared.adapters import aws

    return aws.make_client(service)
