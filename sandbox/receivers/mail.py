"""A mail server that takes messages as a strict one would, keeps them, and breaks when it is asked to."""

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.running import Running
from sandbox.serving import listening

_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_NEEDED = ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version")


@dataclass(frozen=True)
class Mail:
    """One message as it was taken: for whom, as it came, and read."""

    recipients: tuple[str, ...]
    raw: bytes
    message: EmailMessage

    @property
    def calendar(self) -> bytes:
        """The iCalendar object in it; raises LookupError when there is none."""
        for part in self.message.walk():
            if part.get_content_type() == "text/calendar":
                return bytes(part.get_payload(decode=True))
        raise LookupError("the message holds no calendar")


class MailServer(Running):
    """SMTP on 127.0.0.1 at `port`, from `start` to `stop`.

    `login` is the user and password that it wants, `tls` the context that it encrypts with: after STARTTLS,
    without which nobody may log in or send, or `at_once`. `received` are the messages in order. `refused` are
    recipients by the answer they get.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        at_once: bool = False,
    ) -> None:
        self.received: list[Mail] = []
        self.refused: dict[str, str] = {}
        self._faults: list[str] = []
        self._socket = listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._login, self._tls, self._at_once = login, tls, at_once
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"mail {self.port}", daemon=True)

    def fail(self, answer: str, times: int = 1) -> None:
        """Answer the next messages so (``451 4.7.1 try later``) in place of taking them."""
        self._faults += [answer] * times

    def lose_answers(self, times: int = 1) -> None:
        """Take the next messages, then hang up: the sender cannot know."""
        self._faults += [""] * times

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient or refuse it."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message or refuse it."""
        fault = self._faults.pop(0) if self._faults else None
        if fault:
            return fault
        raw = envelope.content
        assert isinstance(raw, bytes)
        message = email.message_from_bytes(raw, policy=email.policy.default)
        wrong = _wrong(raw, message)
        if wrong:
            return f"550 5.6.0 {wrong}"
        self.received.append(Mail(tuple(envelope.rcpt_tos), raw, message))
        if fault is not None:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 2.0.0 OK: queued"

    def start(self) -> None:
        """Return once connections are answered."""
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        """End the server and its connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        at_once = self._tls if self._at_once else None
        serving = self._loop.create_server(self._protocol(), sock=self._socket, ssl=at_once)
        server = self._loop.run_until_complete(serving)
        self._loop.call_soon(self._started.set)
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _protocol(self) -> Callable[[], SMTP]:
        options: dict[str, Any] = {"hostname": "mail.test", "loop": self._loop, "enable_SMTPUTF8": False}
        if self._tls is not None and not self._at_once:
            options |= {"tls_context": self._tls, "require_starttls": True}
        if self._login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
            options |= {"auth_require_tls": not self._at_once}
        return lambda: SMTP(self, **options)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        assert self._login is not None
        user, password = self._login
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (
            user.encode(),
            password.encode(),
        )
        return AuthResult(success=right, handled=right)


def _wrong(raw: bytes, message: EmailMessage) -> str:
    """Return what a strict server would not take a message for; empty when it takes it."""
    if any(len(line) > _LONGEST_LINE for line in raw.split(b"\r\n")):
        return "a line is too long"
    if b"\n" in raw.replace(b"\r\n", b""):
        return "a bare line feed"
    if not raw.isascii():
        return "8 bits were not asked for"
    lacking = [name for name in _NEEDED if len(message.get_all(name, [])) != 1]
    if lacking:
        return f"not exactly one {', '.join(lacking)}"
    defects = [*message.defects, *(defect for part in message.walk() for defect in part.defects)]
    return f"malformed: {defects[0]}" if defects else ""
