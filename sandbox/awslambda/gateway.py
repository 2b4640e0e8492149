"""API Gateway's HTTP API: the route that fits a request best has its function called."""

import base64
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.awslambda.events import http_event
from sandbox.awslambda.function import LambdaFunction
from sandbox.awslambda.runtime_api import FunctionFailed
from sandbox.serving import LoopbackServer

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class HttpApi:
    """An HTTP API at `url`: functions by the keys of their routes (``GET /responses/{id}``)."""

    def __init__(self, routes: Mapping[str, LambdaFunction]) -> None:
        self._routes = routes
        anything = Route("/{path:path}", self._answer, methods=list(_METHODS))
        self._server = LoopbackServer(Starlette(routes=[anything]))
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    async def _answer(self, request: Request) -> Response:
        """Answer as the function does; 404 without a route, 500 for a function that raised."""
        found = self._route(request.method, request.url.path)
        if found is None:
            return JSONResponse({"message": "Not Found"}, 404)
        route, parameters = found
        event = http_event(
            request.method,
            request.url.path,
            route=route,
            parameters=parameters,
            query=request.url.query,
            headers=dict(request.headers),
            body=await request.body(),
        )
        try:
            return _response(await run_in_threadpool(self._routes[route].invoke, event))
        except (FunctionFailed, TimeoutError):
            return JSONResponse({"message": "Internal Server Error"}, 500)

    def _route(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the key of the route that fits, the one with the fewest variables first."""
        for key in sorted(self._routes, key=lambda key: (key.count("+}"), key.count("{"), key)):
            wanted, _, template = key.partition(" ")
            match = re.fullmatch(_pattern(template), path)
            if wanted == method and match:
                return key, match.groupdict()
        return None


def _pattern(template: str) -> str:
    greedy = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", template)
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", greedy)


def _response(told: Mapping[str, Any]) -> Response:
    body = told.get("body") or ""
    raw = base64.b64decode(body) if told.get("isBase64Encoded") else body.encode()
    return Response(raw, int(told["statusCode"]), told.get("headers"))
