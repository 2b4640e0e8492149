"""The mail server of the sandbox refuses what a strict one would, and keeps the rest as it came."""

import smtplib
from collections.abc import Iterator

import pytest

from sandbox.receivers.mail import MailServer

GOOD = (
    b"From: a@example.com\r\nTo: b@example.com\r\nDate: Tue, 03 Mar 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\nSubject: hello\r\nMIME-Version: 1.0\r\n\r\nwords\r\n"
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def send(server: MailServer, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname="test", timeout=5) as client:
        client.sendmail("a@example.com", ["b@example.com"], raw)


def test_a_message_is_kept_as_it_came(server: MailServer) -> None:
    send(server, GOOD)

    [mail] = server.received
    assert (mail.raw, mail.recipients) == (GOOD, ("b@example.com",))
    with pytest.raises(LookupError, match="no calendar"):
        _ = mail.calendar


@pytest.mark.parametrize(
    "raw",
    [
        GOOD.replace(b"Message-ID: <1@example.com>\r\n", b""),
        GOOD.replace(b"Subject: hello\r\n", b"Subject: hello\r\nSubject: again\r\n"),
        GOOD.replace(b"words", b"x" * 999),
        GOOD.replace(b"words", "wörds".encode()),
        GOOD.replace(b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n"),
    ],
)
def test_what_a_strict_server_refuses_is_refused(server: MailServer, raw: bytes) -> None:
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        send(server, raw)

    assert 500 <= refused.value.smtp_code < 600
    assert server.received == []


def test_it_fails_as_often_as_it_is_asked_to(server: MailServer) -> None:
    server.fail("451 4.7.1 try later", times=2)

    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError):
            send(server, GOOD)
    send(server, GOOD)

    assert len(server.received) == 1
