"""The contract of invitations by mail: SMTP on a real server, SES on moto. Calendars are vobject's."""

from collections.abc import Iterator
from email import message_from_string, policy

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from sandbox.receivers.mail import MailServer
from shared.adapters.meetings.ses import SesMeetings
from shared.adapters.meetings.smtp import Server, SmtpMeetings
from tests.contract.meetings import Held, MeetingsContract, MeetingsWorld, shown

SENDER = "backout@example.com"


class SmtpWorld(MeetingsWorld):
    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.meetings = SmtpMeetings(Server("127.0.0.1", server.port, "none"), SENDER)

    def held(self) -> list[Held]:
        return shown(each.calendar for each in self.server.received)


class SesWorld(MeetingsWorld):
    def __init__(self) -> None:
        self.client = boto3.client("sesv2", region_name="eu-central-1")
        self.client.create_email_identity(EmailIdentity=SENDER)
        self.meetings = SesMeetings(SENDER, lambda: self.client)

    def held(self) -> list[Held]:
        sent = ses_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].sent_messages
        read = [message_from_string(each.raw_data, policy=policy.default) for each in sent]
        parts = [part for each in read for part in each.walk() if part.get_content_type() == "text/calendar"]
        return shown(bytes(part.get_payload(decode=True)) for part in parts)


class TestSmtpMeetings(MeetingsContract):
    @pytest.fixture
    def world(self) -> Iterator[SmtpWorld]:
        with MailServer() as server:
            yield SmtpWorld(server)


class TestSesMeetings(MeetingsContract):
    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SesWorld]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with mock_aws():
            yield SesWorld()
