"""What the receivers' tests have in common: a clock that is moved by hand, and a webhook that remembers."""

from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.serving import LoopbackServer

NOW = 1_790_000_000.0

WEB = httpx.Client(timeout=10)
"""One client for all: making one reads the certificates each time."""


@dataclass
class HandClock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Listener:
    """An application that is told of presses and webhooks; it answers `status`."""

    status: int = 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def server(self) -> LoopbackServer:
        return LoopbackServer(Starlette(routes=[Route("/{path:path}", self._hear, methods=["POST"])]))

    async def _hear(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), await request.body()))
        return PlainTextResponse("", self.status)
