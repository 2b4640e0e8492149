"""Invitations by Amazon SES (API v2): the same message as by SMTP, but for its Message-ID, which SES sets."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from shared.adapters import aws
from shared.adapters.meetings import mail
from shared.domain.meetings import Invitation

if TYPE_CHECKING:
    from mypy_boto3_sesv2.client import SESV2Client

ADVICE = "verify the sender's address or domain in SES, in this region"


def make_client(region: str = "") -> "SESV2Client":
    """Return a client, of AWS's own region where none is given."""
    from botocore.session import Session

    session = Session()
    if region:
        session.set_config_variable("region", region)
    with aws.translating("SES", "connecting", missing=ADVICE):
        client: SESV2Client = aws.make_client("sesv2", session)
    return client


class SesMeetings:
    """Sends invitations from `sender`, an identity that SES has verified."""

    def __init__(self, sender: str, connect: "Callable[[], SESV2Client]" = make_client) -> None:
        self.sender = sender
        self._connect = connect

    @cached_property
    def client(self) -> "SESV2Client":
        """The client, made when it is first needed."""
        return self._connect()

    def send(self, invitation: Invitation) -> Sequence[str]:
        made = mail.message(invitation, sender=self.sender)
        with aws.translating("SES", "ses:SendEmail", missing=ADVICE):
            answer = self.client.send_email(
                FromEmailAddress=self.sender,
                Destination={"ToAddresses": list(invitation.attendees)},
                Content={"Raw": {"Data": made}},
            )
        aws.check_genuine(answer, "SES")
        return ()
