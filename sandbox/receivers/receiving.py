"""What the receivers have in common: they remember what they are sent, check it, and fail when asked to."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.receivers.faults import Fault, Faults
from sandbox.running import Running
from sandbox.serving import LoopbackServer

Clock = Callable[[], float]
"""Seconds since 1970."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_STOP_POLL_SECONDS = 0.02
_PAGE = (
    "<!doctype html><html><head><title>Sorry</title></head><body><h1>We will be back soon</h1></body></html>"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """One request as it came. Names of `headers` are in lower case, `parameters` those of the path."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Decode the body; raises `msgspec.DecodeError`."""
        return msgspec.json.decode(self.body)

    def form(self) -> dict[str, str]:
        """Decode an urlencoded body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class Refused(Exception):
    """A request that the real one would refuse too, with the answer that it would give."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


Act = Callable[[Received], Response]


class Receiver(Running):
    """An outside system on 127.0.0.1 at `url`, from `start` to `stop`; nothing outlives the process.

    `received` are the raw requests in order, those too that a fault befell. Requests are acted upon one at
    a time. `clock` is what rates, timestamps and expiry are counted by.
    """

    def __init__(self, *, clock: Clock = time.time, port: int = 0) -> None:
        self.received: list[Received] = []
        self._clock = clock
        self._faults = Faults()
        self._stopping = False
        routes = [
            *(Route(path, self._endpoint(act), methods=[method]) for method, path, act in self.routes()),
            Route("/{path:path}", self._endpoint(self._unknown), methods=list(_METHODS)),
        ]
        self._server = LoopbackServer(Starlette(routes=routes), port=port)
        self.url = self._server.url

    @abstractmethod
    def routes(self) -> Sequence[tuple[str, str, Act]]:
        """Say which method and path is answered by what."""

    @abstractmethod
    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        """Shape an error that is not the caller's fault as the vendor does."""

    @abstractmethod
    def not_found(self) -> Response:
        """Answer for a path or an object that does not exist."""

    def start(self) -> None:
        """Return once requests are answered."""
        self._server.start()

    def stop(self) -> None:
        """End the server; requests that a fault holds back are dropped."""
        self._stopping = True
        self._server.stop()

    def fail(
        self, times: int | None = None, *, status: int = 500, retry_after: int | None = None, path: str = ""
    ) -> None:
        """Answer an error, for `times` requests or until `mend`, without doing what is asked.

        `path` keeps it to paths that begin so; `retry_after` seconds go into the header of that name.
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        answer = self.failure(status, "made to fail", headers)
        self._faults.add(Fault(path=path, left=times, answer=answer))

    def slow(self, seconds: float, times: int | None = None, *, path: str = "") -> None:
        """Wait before acting and answering; it is done even if the caller has gone by then."""
        self._faults.add(Fault(path=path, left=times, delay_seconds=seconds))

    def html(self, times: int | None = None, *, status: int = 200, path: str = "") -> None:
        """Answer a web page, as a proxy or a maintenance page does, without doing what is asked."""
        self._faults.add(Fault(path=path, left=times, answer=HTMLResponse(_PAGE, status)))

    def lose_answers(self, times: int | None = 1, *, path: str = "", method: str = "") -> None:
        """Do what is asked, then answer 502: the caller cannot know that it was done."""
        answer = HTMLResponse(_PAGE, 502)
        self._faults.add(Fault(path=path, left=times, answer=answer, acted=True, method=method))

    def mend(self) -> None:
        """End every fault."""
        self._faults.clear()

    def requests(self, method: str, path: str) -> list[Received]:
        """Return the requests to one path, in order."""
        return [each for each in self.received if (each.method, each.path) == (method, path)]

    def _endpoint(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            received = Received(
                method=request.method,
                path=request.url.path,
                parameters=dict(request.path_params),
                query=dict(request.query_params),
                headers=dict(request.headers),
                body=await request.body(),
            )
            self.received.append(received)
            trouble = self._faults.take(received.method, received.path)
            if not await self._outlived(trouble.delay_seconds):
                return self.failure(503, "going away", {})
            if trouble.instead is not None:
                return trouble.instead
            try:
                answer = act(received)
            except Refused as refused:
                answer = refused.answer
            return trouble.afterwards or answer

        return endpoint

    async def _outlived(self, seconds: float) -> bool:
        """Wait; say whether the receiver still runs, which `stop` changes from another thread."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopping:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _STOP_POLL_SECONDS))
        return not self._stopping

    def _unknown(self, received: Received) -> Response:
        return self.not_found()


def decoded(body: object, expected: type[T], *, refuse: Callable[[str], JSONResponse]) -> T:
    """Read a decoded body as what the vendor documents; what does not fit is refused with the reason."""
    try:
        return msgspec.convert(body, expected)
    except msgspec.ValidationError as error:
        raise Refused(refuse(str(error))) from error


def bearer(received: Received, scheme: str = "Bearer") -> str | None:
    """Return the credential of an Authorization header of that scheme, or None."""
    found, _, credential = received.headers.get("authorization", "").partition(" ")
    return credential.strip() if found.lower() == scheme.lower() and credential.strip() else None
