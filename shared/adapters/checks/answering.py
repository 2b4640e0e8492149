"""One HTTP call of a check: a JSON answer, or in words why there is none."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from shared.adapters.http_client import NO_HEADERS, HttpClient, why_unanswered
from shared.wire import decoder

T = TypeVar("T")

TIMEOUT_SECONDS = 4.0
_LARGEST_BYTES = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What came back: a status (0: nothing did, and `why`), the body and the headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    why: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def told(self) -> str:
        """The outcome in words, without the body: it may quote what was sent."""
        return f"answered {self.status}" if self.status else self.why

    def read(self, kind: type[T]) -> T | None:
        """Return the JSON body as `kind`, None when it is something else."""
        try:
            return decoder(kind).decode(self.body)
        except msgspec.DecodeError:
            return None


class Caller:
    """Calls one service with its headers; a call takes thrice `timeout_seconds` at most."""

    def __init__(
        self, headers: Mapping[str, str] = NO_HEADERS, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._http = HttpClient(headers=headers, timeout_seconds=timeout_seconds)

    def call(self, method: str, url: str, *, params: Mapping[str, str] | None = None) -> Answer:
        """Call once. No error holds the URL or a header."""
        import httpx

        timeout = self._http.timeout_seconds
        deadline = time.monotonic() + timeout
        body = bytearray()
        try:
            with self._http.get().stream(method, url, params=params) as answer:
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_BYTES or time.monotonic() > deadline:
                        return Answer(0, why=f"no whole answer in {timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return Answer(0, why=why_unanswered(error, timeout_seconds=timeout))
        return Answer(answer.status_code, bytes(body), answer.headers)
