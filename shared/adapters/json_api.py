"""Calls to a vendor's JSON API: bounded in time, what was answered typed, what went wrong as our errors."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

import msgspec

from shared.adapters.http_client import NO_HEADERS, HttpClient, why_unanswered
from shared.adapters.webhook import retry_seconds
from shared.domain.reasons import Reason
from shared.errors import CredentialRejected, PermanentError, TemporaryError
from shared.wire import decoder

if TYPE_CHECKING:
    import httpx

TELL_SECONDS = 12.0
"""How long all calls for one message may take together; below `ports.CALL_SECONDS`."""

_WAITS = 3  # connecting, sending, the first bytes: each may take as long as the client waits
_LARGEST_ANSWER_BYTES = 8_000_000
_LONGEST_QUOTE = 200
_LIMITED_SECONDS = 10.0  # where a limit names no time; the pauses between attempts grow by themselves
_LIMITED = frozenset({420, 429})  # 420 is Statuspage's
_PASSING = _LIMITED | {408, 425}
_MOVED = ": it has moved; correct what names it in the configuration"
_HINTS = {
    **dict.fromkeys((301, 302, 307, 308), _MOVED),
    401: ": its token is not accepted",
    403: ": its token lacks a right",
    404: ": there is none such, or the token may not see it",
}

T = TypeVar("T")


class Refused(PermanentError):
    """The vendor answered that it will not; `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotAdmitted(Refused, CredentialRejected):
    """The vendor does not accept the token, or gives it no such right."""


class JsonApi:
    """One vendor's API. `name` begins each error; `secrets` never show in one, even if an answer quotes them.

    Redirects are not followed: no request is repeated to where it was not meant to go. `rejections` are the
    statuses by which it may say that it does not accept the token.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        secrets: Sequence[str] = (),
        seconds: float = TELL_SECONDS,
        rejections: Collection[int] = (401, 403),
    ) -> None:
        self.name = name
        self.rejections = rejections
        self.url = url
        self.headers = headers
        self.secrets = tuple(secret for secret in secrets if secret)
        self.seconds = seconds
        self.http = HttpClient(timeout_seconds=seconds / _WAITS)

    def calls(self, *, until: float | None = None) -> "Calls":
        """Return calls that end, all of them together, within `seconds` from now or by `until`."""
        return Calls(self, time.monotonic() + self.seconds if until is None else until)


class Calls:
    """The calls of one message. Each raises TemporaryError or PermanentError unless it was answered 2xx."""

    def __init__(self, api: JsonApi, until: float) -> None:
        self.until = until
        self._api = api

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        form: Mapping[str, str] | None = None,
        into: type[T],
    ) -> T:
        """Make a call and return its answer; what is not of that shape may be a page from in between.

        The body is sent as JSON, or `form` as a form.
        """
        answer = self._made(method, path, body, form)
        try:
            return decoder(into).decode(answer)
        except msgspec.DecodeError:
            raise self._temporary("answered with something else than its JSON") from None

    def send(self, method: str, path: str, body: object) -> None:
        """Make a call whose answer holds nothing of interest."""
        self._made(method, path, body)

    def _made(self, method: str, path: str, body: object, form: Mapping[str, str] | None = None) -> bytes:
        import httpx

        api = self._api
        wait = max(0.0, self.until - time.monotonic()) / _WAITS
        if wait == 0.0:
            raise self._temporary(f"no time left within {api.seconds:g} s")
        try:
            url = f"{api.url.rstrip('/')}{path}" if path else api.url
            sent = api.http.get().stream(
                method, url, headers=dict(api.headers), json=body, data=form, timeout=wait
            )
            with sent as answer:
                text = self._read(answer)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            # These quote the URL or the header, so they do not become a cause.
            raise PermanentError(f"{api.name}: its url or token holds what no request can") from None
        except httpx.HTTPError as error:
            raise self._temporary(why_unanswered(error, timeout_seconds=round(wait, 1))) from error
        if not answer.is_success:
            self._refused(answer, text)
        if "html" in answer.headers.get("Content-Type", ""):
            raise self._temporary(f"answered {answer.status_code} with a web page: is something in between?")
        return text

    def _read(self, answer: "httpx.Response") -> bytes:
        """Return the body; one that is too long or comes too slowly is broken off."""
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > _LARGEST_ANSWER_BYTES or time.monotonic() > self.until:
                raise self._temporary(f"no whole answer within {self._api.seconds:g} s")
        return bytes(body)

    def _refused(self, answer: "httpx.Response", text: bytes) -> NoReturn:
        status = answer.status_code
        said = f"answered {status}{self._quoted(text)}"
        if status in _PASSING or status >= 500 or _limited(answer.headers, status, text):
            raise self._temporary(said, seconds=_pause(answer.headers, status))
        kind = NotAdmitted if status in self._api.rejections else Refused
        raise kind(f"{self._api.name} {said}{_HINTS.get(status, '')}", status=status)

    def _temporary(self, why: str, *, seconds: float = 2.0) -> TemporaryError:
        return TemporaryError(f"{self._api.name}: {why}", retry_after=seconds, reason=Reason.INTERNAL)

    def _quoted(self, text: bytes) -> str:
        """Return the vendor's own words for what was wrong, or nothing."""
        try:
            words = " ".join(_words(msgspec.json.decode(text)))
        except msgspec.DecodeError:
            return ""
        for secret in self._api.secrets:
            words = words.replace(secret, "…")
        return f" ({words[:_LONGEST_QUOTE]})" if words else ""


def _words(answer: object) -> list[str]:
    """Collect the texts under ``message``, ``error`` and ``errors``, as all four vendors name them."""
    match answer:
        case str():
            return [answer]
        case list():
            return [word for item in answer for word in _words(item)]
        case dict():
            return [word for key in ("message", "error", "errors") for word in _words(answer.get(key))]
        case _:
            return []


def _limited(headers: Mapping[str, str], status: int, text: bytes) -> bool:
    """Return whether a 403 is GitHub's way to say: not so fast. Some of them say it in words only."""
    return status == 403 and (
        "Retry-After" in headers
        or headers.get("X-RateLimit-Remaining") == "0"
        or b"rate limit" in text.lower()
    )


def _pause(headers: Mapping[str, str], status: int) -> float:
    """Return the seconds to leave it alone: ``Retry-After``, or PagerDuty's or GitHub's own header."""
    now = datetime.now(UTC)
    if headers.get("Retry-After"):
        return retry_seconds(headers["Retry-After"], now=now)
    if headers.get("RateLimit-Reset", "").isdecimal():
        return retry_seconds(headers["RateLimit-Reset"], now=now)
    reset = headers.get("X-RateLimit-Reset", "")
    if reset.isdecimal() and headers.get("X-RateLimit-Remaining") == "0":
        return retry_seconds(str(max(0, round(float(reset) - now.timestamp()))), now=now)
    return _LIMITED_SECONDS if status in _LIMITED or status == 403 else 2.0
