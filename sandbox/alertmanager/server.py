"""The stand-in's HTTP API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as HttpRoute

from sandbox.alertmanager.alerts import PostedAlert, accept, fulfils, parse_matcher, shown, utc_now
from sandbox.alertmanager.routing import Dispatcher, Route
from sandbox.running import Running
from sandbox.serving import LoopbackServer


class Alertmanager(Running):
    """Takes alerts at `url` and tells the webhook of `route`, between `start` and `stop`.

    One route with one receiver; no silences, no inhibition, and nothing outlives the process.
    """

    def __init__(self, route: Route, *, port: int = 0) -> None:
        self._route = route
        self._server = LoopbackServer(self._application(), port=port)
        self.url = self._server.url

    def start(self) -> None:
        """Return once alerts are taken."""
        self._server.start()

    def stop(self) -> None:
        """End the server; messages not yet delivered are lost."""
        self._server.stop()

    def _application(self) -> Starlette:
        return Starlette(
            lifespan=self._dispatching,
            routes=[
                HttpRoute("/api/v2/alerts", self._take, methods=["POST"]),
                HttpRoute("/api/v2/alerts", self._list),
                HttpRoute("/-/ready", _ready),
                HttpRoute("/-/healthy", _ready),
            ],
        )

    @asynccontextmanager
    async def _dispatching(self, _app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(follow_redirects=True, timeout=10.0) as client:
            self._dispatcher = Dispatcher(self._route, self.url, client)
            yield
            await self._dispatcher.close()

    async def _take(self, request: Request) -> Response:
        """Take the good alerts of a body and answer 400 for the others, as Alertmanager does."""
        try:
            posted = msgspec.json.decode(await request.body(), type=list[PostedAlert])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return JSONResponse({"code": 400, "message": str(error)}, status_code=400)
        now, refusals = utc_now(), []
        for each in posted:
            try:
                self._dispatcher.add(accept(each, now=now))
            except ValueError as error:
                refusals.append(str(error))
        return JSONResponse("; ".join(refusals), status_code=400) if refusals else Response(status_code=200)

    async def _list(self, request: Request) -> Response:
        try:
            wanted = [parse_matcher(text) for text in request.query_params.getlist("filter")]
        except ValueError as error:
            return JSONResponse(str(error), status_code=400)
        held = (each for each in self._dispatcher.alerts() if fulfils(each, wanted))
        alerts = sorted(held, key=lambda alert: alert.fingerprint)
        return JSONResponse([shown(alert, receiver=self._route.receiver) for alert in alerts])


async def _ready(_request: Request) -> Response:
    return PlainTextResponse("OK")
