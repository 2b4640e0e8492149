"""The stand-in's process: scrape loop, rule loop and HTTP API."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.prometheus.alerting import AlertSender, rfc3339
from sandbox.prometheus.evaluation import Evaluation, Value
from sandbox.prometheus.floats import plain, scientific
from sandbox.prometheus.functions import Range
from sandbox.prometheus.parsing import parse
from sandbox.prometheus.rules import AlertState, load_rules
from sandbox.prometheus.samples import SampleStore
from sandbox.prometheus.scraping import Target, now_ms
from sandbox.prometheus.syntax import QueryError
from sandbox.repeating import Repeating
from sandbox.running import Running
from sandbox.serving import LoopbackServer

_STATUS = {"bad_data": 400, "execution": 422}
_FORGET_EVERY_SECONDS = 60.0


class Prometheus(Running):
    """Scrapes `targets` (base URLs, of which `/metrics` is read) and answers Prometheus's HTTP API at `url`.

    `rules` is the text of a rules file. Raises `RulesError` for one that it cannot follow.
    """

    def __init__(
        self,
        *,
        targets: Sequence[str],
        rules: str = "groups: []",
        alertmanager_urls: Sequence[str] = (),
        scrape_interval_seconds: float = 1.0,
        evaluation_interval_seconds: float = 1.0,
        retention_seconds: float = 1800.0,
        port: int = 0,
    ) -> None:
        self.store = SampleStore(retention_seconds)
        self._rules = load_rules(rules)
        self._server = LoopbackServer(self._application(), port=port)
        self.url = self._server.url
        self._client = httpx.Client()
        self._targets = [
            Target(url, store=self.store, client=self._client, timeout_seconds=scrape_interval_seconds)
            for url in targets
        ]
        self._sender = AlertSender(
            alertmanager_urls, self.url, int(evaluation_interval_seconds * 1000), self._client
        )
        self._scrape_interval_seconds = scrape_interval_seconds
        self._evaluation_interval_seconds = evaluation_interval_seconds
        self._running = ExitStack()

    def start(self) -> None:
        """Start the loops and the server."""
        self._running.enter_context(self._client)
        self._scrapers = self._running.enter_context(ThreadPoolExecutor(max(1, len(self._targets))))
        for action, seconds in (
            (self._scrape, self._scrape_interval_seconds),
            (self._evaluate, self._evaluation_interval_seconds),
            (self._forget, _FORGET_EVERY_SECONDS),
        ):
            self._running.enter_context(Repeating(action, interval_seconds=seconds))
        self._running.enter_context(self._server)

    def stop(self) -> None:
        """Stop the server, then the loops."""
        self._running.close()

    def _scrape(self) -> None:
        for _ in self._scrapers.map(Target.scrape, self._targets):
            pass

    def _evaluate(self) -> None:
        at_ms = now_ms()
        for rule in self._rules:
            try:
                rule.evaluate(self.store, at_ms=at_ms)
            except QueryError:
                continue
        self._sender.send(self._rules, now_ms=at_ms)

    def _forget(self) -> None:
        self.store.forget_old(now_ms=now_ms())

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/v1/query", self._query, methods=["GET", "POST"]),
                Route("/api/v1/alerts", self._alerts),
                Route("/-/ready", _ready),
                Route("/-/healthy", _ready),
            ]
        )

    async def _query(self, request: Request) -> Response:
        form = parse_qsl((await request.body()).decode()) if request.method == "POST" else []
        parameters = {**request.query_params, **dict(form)}
        try:
            answer = await run_in_threadpool(
                self._answer, parameters.get("query", ""), parameters.get("time")
            )
        except QueryError as error:
            body = {"status": "error", "errorType": error.error_type, "error": str(error)}
            return JSONResponse(body, status_code=_STATUS[error.error_type])
        return JSONResponse({"status": "success", "data": answer})

    def _answer(self, query: str, moment: str | None) -> dict[str, Any]:
        at_seconds = _seconds(moment)
        try:
            expression = parse(query)
        except QueryError as error:
            raise QueryError(f'invalid parameter "query": {error}') from error
        at_ms = round(at_seconds * 1000)
        return _wire(Evaluation(self.store, at_ms).value(expression), at_seconds=at_ms / 1000)

    async def _alerts(self, request: Request) -> Response:
        shown = [
            {
                "labels": dict(alert.labels),
                "annotations": alert.annotations,
                "state": alert.state.value,
                "activeAt": rfc3339(alert.active_at_ms),
                "value": scientific(alert.value),
            }
            for rule in self._rules
            for alert in list(rule.alerts.values())
            if alert.state is not AlertState.RESOLVED
        ]
        return JSONResponse({"status": "success", "data": {"alerts": shown}})


async def _ready(_request: Request) -> Response:
    return PlainTextResponse("The sandbox's stand-in for Prometheus is ready.\n")


def _seconds(moment: str | None) -> float:
    """Read the parameter `time`: Unix seconds or RFC 3339; now when it is missing."""
    if not moment:
        return time.time()
    try:
        return float(moment)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError as error:
        raise QueryError(f'invalid parameter "time": cannot parse {moment!r} to a valid timestamp') from error


def _wire(value: Value, *, at_seconds: float) -> dict[str, Any]:
    """Write a result as the API's `data`."""
    if not isinstance(value, dict):
        return {"resultType": "scalar", "result": [at_seconds, plain(value)]}
    result: list[dict[str, Any]] = []
    for labels, each in value.items():
        if isinstance(each, Range):
            points = [[at_ms / 1000, plain(number)] for at_ms, number in each.points]
            result.append({"metric": dict(labels), "values": points})
        else:
            result.append({"metric": dict(labels), "value": [at_seconds, plain(each)]})
    matrix = any("values" in each for each in result)
    return {"resultType": "matrix" if matrix else "vector", "result": result}
