"""Invitations by SMTP: a message is handed to one mail server, which delivers it (RFC 5321)."""

import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR
from threading import Timer

from shared.adapters.meetings import mail
from shared.domain.meetings import Invitation
from shared.domain.reasons import Reason
from shared.errors import BackoutError, CredentialRejected, PermanentError, TemporaryError

SECONDS = 12.0
"""How long handing over one message may take; below `ports.CALL_SECONDS`."""

_LONGEST_QUOTE = 200
_GREYLISTED_SECONDS = 120.0


@dataclass(frozen=True)
class Server:
    """A mail server; `tls` is ``starttls``, ``tls`` or ``none``. Without `user` nobody logs in."""

    host: str
    port: int = 587
    tls: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"mail server {self.host}:{self.port}"


@dataclass(frozen=True)
class SmtpMeetings:
    """Sends invitations from `sender`. SMTP knows no key: what is sent again is the same message again."""

    server: Server
    sender: str
    seconds: float = SECONDS

    def send(self, invitation: Invitation) -> Sequence[str]:
        made = mail.message(invitation, sender=self.sender)
        with session(self.server, sender=self.sender, seconds=self.seconds) as smtp:
            return sorted(smtp.sendmail(self.sender, invitation.attendees, made))


@contextmanager
def session(server: Server, *, sender: str, seconds: float = SECONDS) -> Iterator[smtplib.SMTP]:
    """Give a session in which a message may be sent: greeted, encrypted and logged in as configured.

    Raises the project's errors for those of SMTP; a server that dawdles is hung up on.
    """
    domain, wait = sender.rpartition("@")[2], seconds / 3
    with _translating(server):
        if server.tls == "tls":
            context = ssl.create_default_context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=domain, timeout=wait, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, local_hostname=domain, timeout=wait)
        hanging_up = Timer(seconds - wait, _hang_up, [smtp])
        hanging_up.start()
        try:
            if server.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
            yield smtp
        finally:
            with suppress(OSError):  # whether the goodbye is heard changes nothing of what was sent
                smtp.quit()
            hanging_up.cancel()
            smtp.close()


def _hang_up(smtp: smtplib.SMTP) -> None:
    with suppress(OSError):
        if smtp.sock is not None:
            smtp.sock.shutdown(SHUT_RDWR)


@contextmanager
def _translating(server: Server) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise _of_recipients(server, error.recipients) from error
    except smtplib.SMTPAuthenticationError as error:
        said = _answered(server, error.smtp_code, error.smtp_error)
        raise (CredentialRejected(str(said)) if isinstance(said, PermanentError) else said) from error
    except smtplib.SMTPResponseException as error:
        raise _answered(server, error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        raise _temporary(f"{server} did not answer in time, or hung up") from error
    except smtplib.SMTPException as error:  # it offers no STARTTLS, or no way to log in that we know
        raise PermanentError(f"{server}: {error} (see meetings.smtp)") from error
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(f"{server}: its certificate is not trusted: {error.verify_message}") from error
    except OSError as error:
        raise _temporary(f"{server} cannot be reached: {error}") from error


def _of_recipients(server: Server, refused: Mapping[str, tuple[int, bytes]]) -> BackoutError:
    """Return the error when nobody is taken: worth another try as long as it may be for one of them."""
    code, words = min(refused.values())
    return _answered(server, code, words, f" to {', '.join(sorted(refused))}")


def _answered(server: Server, code: int, words: bytes | str, about: str = "") -> BackoutError:
    """Return the error of an answer: 4xx is for now, 5xx for good (RFC 5321, 4.2.1)."""
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    if server.password:
        said = said.replace(server.password, "…")
    told = f"{server} answered {code}{about} ({' '.join(said.split())[:_LONGEST_QUOTE]})"
    if code < 500:
        return _temporary(told, seconds=_GREYLISTED_SECONDS)
    return PermanentError(told)


def _temporary(why: str, *, seconds: float = 2.0) -> TemporaryError:
    return TemporaryError(why, retry_after=seconds, reason=Reason.INTERNAL)
