"""Traffic of several deployments as Prometheus scrapes it: good until `fail`, then a quarter are errors."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import httpx
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.programs import until
from sandbox.prometheus import Prometheus
from sandbox.servers import Watch, real_prometheus
from sandbox.serving import LoopbackServer
from sandbox.shop.metering import CPU_LIMIT_CORES, MEMORY_LIMIT_BYTES, PodMeter, families

WINDOW_SECONDS = 5
REQUESTS_PER_SECOND = 100.0
NO_RULES = "groups: []\n"


class Traffic(Collector):
    """What each deployment's one pod has counted."""

    def __init__(
        self, namespace: str, deployments: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._namespace = namespace
        self._meters = {f"{name}-5d4f8c7b9-x7k2p": PodMeter(container="app") for name in deployments}
        self._clock = clock
        self._counted_at = clock()
        self._error_ratio = 0.0

    def fail(self) -> None:
        """From now on a quarter of the answers are errors."""
        self._count()
        self._error_ratio = 0.25

    def collect(self) -> Iterable[Metric]:
        """Give the registry what has been counted until now."""
        self._count()
        return families(self._meters, namespace=self._namespace, deployment="")

    def _count(self) -> None:
        now = self._clock()
        elapsed, self._counted_at = now - self._counted_at, now
        requests = round(elapsed * REQUESTS_PER_SECOND)
        errors = round(requests * self._error_ratio)
        for meter in self._meters.values():
            meter.requests["GET", "200"] += requests - errors
            meter.requests["GET", "500"] += errors
            meter.observations[4] += requests
            meter.cpu_seconds += 0.3 * CPU_LIMIT_CORES * elapsed
            meter.memory_bytes = 0.4 * MEMORY_LIMIT_BYTES


@contextmanager
def watched(traffic: Traffic, *, program: str | None) -> Iterator[str]:
    """Have the traffic scraped every second by Prometheus (`program`) or its stand-in; give its URL."""
    registry = CollectorRegistry()
    registry.register(traffic)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    with ExitStack() as stack:
        server = stack.enter_context(LoopbackServer(Starlette(routes=[Route("/metrics", metrics)])))
        if program is not None:
            nobody = "http://127.0.0.1:9"
            yield stack.enter_context(real_prometheus(program, Watch((server.url,), NO_RULES, nobody, "1s")))
            return
        stand_in = Prometheus(
            targets=(server.url,),
            rules=NO_RULES,
            alertmanager_urls=[],
            scrape_interval_seconds=1.0,
            evaluation_interval_seconds=1.0,
        )
        yield stack.enter_context(stand_in).url


def wait_for(url: str, query: str, *, above: float, seconds: float = 30.0) -> None:
    """Wait until every series of the query is above a number, as Prometheus tells it."""

    def reached() -> bool:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=5.0).raise_for_status()
        values = [float(series["value"][1]) for series in answer.json()["data"]["result"]]
        return bool(values) and min(values) > above

    until(reached, what=f"{query} above {above}", seconds=seconds)
