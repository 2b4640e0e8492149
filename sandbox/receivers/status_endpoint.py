"""The plain JSON endpoint of a home-made status page: POST /api/incidents with a bearer token."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import JSONResponse, Response

from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer, decoded

TOKEN = "sandbox-status-token"  # noqa: S105 - made up, worth nothing outside the sandbox


class Post(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["investigating", "identified", "monitoring", "resolved"]
    message: Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True)
class Posted:
    """One post, as it is shown to customers."""

    id: int
    status: str
    message: str


class StatusEndpoint(Receiver):
    """Shows whatever is posted to `posts_url`, in order: each post is new, none changes another.

    The content type is not looked at, because `curl -d` sends JSON as a form.
    """

    def __init__(self, *, token: str = TOKEN, clock: Clock = time.time, port: int = 0) -> None:
        super().__init__(clock=clock, port=port)
        self.posts_url = f"{self.url}/api/incidents"
        self.posts: list[Posted] = []
        self._token = token
        self._numbers = itertools.count(1)

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [("GET", "/api/incidents", self._list), ("POST", "/api/incidents", self._post)]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        return JSONResponse({"error": message}, status, headers)

    def not_found(self) -> Response:
        return JSONResponse({"error": "not found"}, 404)

    def _admit(self, received: Received) -> None:
        if bearer(received) != self._token:
            raise Refused(JSONResponse({"error": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}))

    def _list(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse([asdict(post) for post in self.posts])

    def _post(self, received: Received) -> Response:
        self._admit(received)
        try:
            body = received.json()
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(JSONResponse({"error": "the body is not JSON"}, 400)) from None
        post = decoded(body, Post, refuse=lambda why: JSONResponse({"error": why}, 422))
        posted = Posted(next(self._numbers), post.status, post.message)
        self.posts.append(posted)
        return JSONResponse(asdict(posted), 201)
