"""The suite against Prometheus's HTTP API, spoken by a server on loopback."""

import dataclasses
import json
import math
import time
from collections.abc import Iterator, Mapping
from datetime import datetime

import pytest

from shared.adapters.prometheus import PrometheusSignals
from shared.domain.services import QUERYABLE, SignalQuery
from shared.domain.signals import Signal
from tests.contract.signals import SERVICE, SignalsContract, World
from tests.fakes.http_server import Answer, Request, serving

QUERIES = {name: SignalQuery(f"a_query_for_{name}", 60.0) for name in (*QUERYABLE, "traffic")}


class PrometheusWorld(World):
    service = dataclasses.replace(SERVICE, profile="none", queries=QUERIES)

    def __init__(self) -> None:
        self._told: dict[float | None, dict[str, float]] = {}
        self._away = False

    def says(
        self, readings: Mapping[Signal, float], *, traffic: float | None = 600.0, at: datetime | None = None
    ) -> None:
        numbers = {QUERIES[signal].query: value for signal, value in readings.items()}
        if traffic is not None:
            numbers[QUERIES["traffic"].query] = traffic
        self._told[at.timestamp() if at else None] = numbers

    def goes_away(self) -> None:
        self._away = True

    def answer(self, request: Request) -> Answer:
        if self._away:
            return Answer(503, b"<html>no healthy upstream</html>")
        at = float(request.form["time"]) if "time" in request.form else None
        value = self._told.get(at, {}).get(request.form["query"])
        sample = [time.time() if at is None else at, "" if value is None else _text(value)]
        result = [] if value is None else [{"metric": {}, "value": sample}]
        answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return Answer(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})


def _text(value: float) -> str:
    """Write a number as Prometheus does."""
    if math.isnan(value):
        return "NaN"
    return f"{value:+}".replace("inf", "Inf") if math.isinf(value) else repr(value)


class TestPrometheusSignals(SignalsContract):
    @pytest.fixture
    def world(self) -> Iterator[PrometheusWorld]:
        world = PrometheusWorld()
        with serving(world.answer) as server:
            world.signals = PrometheusSignals(server.url)
            yield world
