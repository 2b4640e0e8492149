from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from shared.adapters.meetings import ses
from shared.adapters.meetings.ses import SesMeetings
from shared.errors import BackoutError, ConfigurationError, PermanentError, TemporaryError
from tests.contract.meetings import INVITATION

if TYPE_CHECKING:
    from mypy_boto3_sesv2.client import SESV2Client

SENDER = "backout@example.com"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[SESV2Client]":
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("sesv2", region_name="eu-central-1")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("TooManyRequestsException", 429, TemporaryError),
        ("InternalServiceErrorException", 500, TemporaryError),
        ("MessageRejected", 400, PermanentError),
        ("MailFromDomainNotVerifiedException", 400, PermanentError),
        ("AccountSuspendedException", 400, PermanentError),
        ("AccessDeniedException", 403, ConfigurationError),
    ],
)
def test_a_refusal_is_for_now_or_for_good(
    client: "SESV2Client", code: str, status: int, error: type[BackoutError]
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_email", code, "no", http_status_code=status)
        with pytest.raises(error, match="ses:SendEmail"):
            SesMeetings(SENDER, lambda: client).send(INVITATION)


def test_the_message_is_sent_raw_to_all_that_are_invited(client: "SESV2Client") -> None:
    asked: list[Any] = []
    client.meta.events.register(
        "provide-client-params.sesv2.SendEmail", lambda params, **_: asked.append(params)
    )
    client.create_email_identity(EmailIdentity=SENDER)

    SesMeetings(SENDER, lambda: client).send(INVITATION)

    [sent] = asked
    assert sent["FromEmailAddress"] == SENDER
    assert sent["Destination"] == {"ToAddresses": list(INVITATION.attendees)}
    assert b"text/calendar" in sent["Content"]["Raw"]["Data"]


def test_the_region_is_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert ses.make_client("eu-west-1").meta.region_name == "eu-west-1"
    assert ses.make_client().meta.region_name == "us-east-1"
