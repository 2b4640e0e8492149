"""Invitations on a real mail server: encrypted, logged in, refused, and cut off half way."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.receivers.mail import MailServer
from shared.adapters.meetings.smtp import Server, SmtpMeetings
from shared.errors import CredentialRejected, PermanentError, TemporaryError
from tests.contract.meetings import ANN, BOB, INVITATION
from tests.redis_server import self_signed

SENDER, PASSWORD = "backout@example.com", "s3cret"


def meetings(server: MailServer, tls: str = "none", password: str = "") -> SmtpMeetings:
    user = "backout" if password else ""
    return SmtpMeetings(Server("127.0.0.1", server.port, tls, user, password), SENDER)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return the context of a server that is trusted, by OpenSSL's own variable."""
    path = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(("tls", "at_once"), [("starttls", False), ("tls", True)])
def test_it_logs_in_once_it_is_encrypted(context: ssl.SSLContext, tls: str, at_once: bool) -> None:
    with MailServer(login=("backout", PASSWORD), tls=context, at_once=at_once) as server:
        meetings(server, tls, PASSWORD).send(INVITATION)

        [mail] = server.received
    assert mail.recipients == INVITATION.attendees


@pytest.mark.parametrize(("tls", "at_once"), [("starttls", False), ("tls", True)])
def test_a_wrong_password_is_refused_and_not_shown(context: ssl.SSLContext, tls: str, at_once: bool) -> None:
    with (
        MailServer(login=("backout", PASSWORD), tls=context, at_once=at_once) as server,
        pytest.raises(CredentialRejected, match="535") as refused,
    ):
        meetings(server, tls, "guessed").send(INVITATION)

    assert "guessed" not in str(refused.value)
    assert "guessed" not in repr(Server("mail", password="guessed"))


def test_a_certificate_that_is_not_trusted_is_refused(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with MailServer(tls=context) as server, pytest.raises(PermanentError, match="not trusted"):
        meetings(server, "starttls").send(INVITATION)

    assert server.received == []


def test_a_server_without_starttls_gets_nothing(server: MailServer) -> None:
    with pytest.raises(PermanentError, match=r"STARTTLS.*meetings\.smtp"):
        meetings(server, "starttls").send(INVITATION)

    assert server.received == []


def test_a_server_without_logins_is_told(server: MailServer) -> None:
    with pytest.raises(PermanentError, match=r"AUTH.*meetings\.smtp"):
        meetings(server, password=PASSWORD).send(INVITATION)


def test_one_of_several_that_is_refused_is_named(server: MailServer) -> None:
    server.refused = {BOB: "550 5.1.1 no such user"}

    assert meetings(server).send(INVITATION) == [BOB]

    assert server.received[0].recipients == (ANN,)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({ANN: "550 5.1.1 no such user", BOB: "550 5.1.1 no such user"}, PermanentError),
        ({ANN: "450 4.2.0 greylisted", BOB: "550 5.1.1 no such user"}, TemporaryError),
    ],
)
def test_all_that_are_refused_are_an_error_for_good_or_for_now(
    server: MailServer, answers: dict[str, str], error: type[Exception]
) -> None:
    server.refused = answers

    with pytest.raises(error, match=f"{ANN}, {BOB}"):
        meetings(server).send(INVITATION)


@pytest.mark.parametrize(
    ("answer", "error"), [("554 5.7.1 spam", PermanentError), ("451 4.7.1 try later", TemporaryError)]
)
def test_a_message_that_is_refused_is_an_error_for_good_or_for_now(
    server: MailServer, answer: str, error: type[Exception]
) -> None:
    server.fail(answer)

    with pytest.raises(error, match=answer[:3]):
        meetings(server).send(INVITATION)

    assert server.received == []


def test_what_is_sent_again_after_an_answer_was_lost_is_the_same_message(server: MailServer) -> None:
    server.lose_answers()

    with pytest.raises(TemporaryError, match="hung up"):
        meetings(server).send(INVITATION)
    meetings(server).send(INVITATION)

    first, second = server.received
    assert first.raw == second.raw


def test_a_server_that_is_not_there_is_asked_again_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(TemporaryError, match=f"127.0.0.1:{port} cannot be reached"):
        SmtpMeetings(Server("127.0.0.1", port, "none"), SENDER).send(INVITATION)


def test_a_server_that_drips_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.test\r\n")
                while not ended.wait(0.05):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            dripping = Server("127.0.0.1", listener.getsockname()[1], "none")
            with pytest.raises(TemporaryError, match="did not answer in time, or hung up"):
                SmtpMeetings(dripping, SENDER, seconds=0.6).send(INVITATION)
        finally:
            ended.set()
            thread.join()
