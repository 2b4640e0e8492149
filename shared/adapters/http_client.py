"""HTTP clients of the adapters, and in words why one got no answer."""

import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_MOST_REDIRECTS = 5
_KEEP_IDLE_SECONDS = 60.0


class HttpClient:
    """One `httpx.Client`, made and its library imported when it is first asked for; for many threads.

    Connections stay open for a minute of silence. `timeout_seconds` bounds each wait on the network
    (connecting, sending, the next bytes), so a caller that streams adds its own deadline.
    """

    def __init__(self, *, headers: Mapping[str, str] = NO_HEADERS, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._headers = {"User-Agent": "backout", **headers}
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def get(self) -> "httpx.Client":
        """Return the client."""
        with self._lock:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> "httpx.Client":
        import httpx

        # httpx logs every URL at INFO, and a webhook's URL is its credential.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.Client(
            headers=self._headers,
            timeout=self.timeout_seconds,
            max_redirects=_MOST_REDIRECTS,
            limits=httpx.Limits(keepalive_expiry=_KEEP_IDLE_SECONDS),
        )


def why_unanswered(error: Exception, *, timeout_seconds: float) -> str:
    """Say why a request got no answer, without the URL, which may hold a credential."""
    import httpx

    match error:
        case httpx.TimeoutException():
            return f"no answer in {timeout_seconds:g} s"
        case httpx.TooManyRedirects():
            return f"redirected more than {_MOST_REDIRECTS} times"
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | UnicodeError():
            return "not an http or https address"
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"TLS: {cause.verify_message}"
            case ssl.SSLError():
                return f"TLS: {cause.reason or 'the handshake failed'}"
            case ConnectionRefusedError():
                return "connection refused"
            case socket.gaierror():
                return "the host name is not known"
    return "the connection broke off"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
