"""The shop as it is met from outside: its pages, its health and its metrics."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

import httpx
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.repeating import Repeating
from sandbox.running import Running
from sandbox.serving import LoopbackServer
from sandbox.shop.behaviours import ImageBehaviour
from sandbox.shop.pods import list_pods
from sandbox.shop.traffic import Traffic

_TICK_SECONDS = 0.05
_API_TIMEOUT_SECONDS = 2.0


class Shop(Collector, Running):
    """The workload `deployment` of a cluster, serving simulated traffic between `start` and `stop`.

    It learns its pods and their images from the cluster's ordinary pod list every `poll_seconds`, so a
    rollout or a rollback changes what users get as soon as pods are replaced. While the API cannot be
    reached, the pods last seen go on serving, as they would in a real cluster.
    """

    def __init__(
        self,
        *,
        cluster_url: str,
        behaviours: Mapping[str, ImageBehaviour],
        namespace: str = "production",
        deployment: str = "checkout",
        requests_per_second: float = 50.0,
        baseline_replicas: int = 3,
        poll_seconds: float = 0.2,
        seed: int = 1,
        port: int = 0,
    ) -> None:
        self.traffic = Traffic(
            namespace=namespace,
            deployment=deployment,
            behaviours=dict(behaviours),
            requests_per_second=requests_per_second,
            baseline_replicas=baseline_replicas,
            seed=seed,
        )
        self._namespace = namespace
        self._deployment = deployment
        self._cluster = httpx.Client(base_url=cluster_url, timeout=_API_TIMEOUT_SECONDS)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._poll_seconds = poll_seconds
        self._last_tick = time.monotonic()
        self._server = LoopbackServer(self._application(), port=port)
        self._running = ExitStack()
        self.url = self._server.url

    def collect(self) -> Iterable[Metric]:
        """Give the series to the registry."""
        return self.traffic.metric_families()

    def set_traffic(self, requests_per_second: float) -> None:
        """Change the load; 0 leaves the shop idle."""
        self.traffic.requests_per_second = requests_per_second

    def start(self) -> None:
        """Start serving; the pods of this moment are known when it returns, if the cluster answered."""
        self._running.enter_context(self._cluster)
        self._poll()
        self._last_tick = time.monotonic()
        self._running.enter_context(Repeating(self._poll, interval_seconds=self._poll_seconds))
        self._running.enter_context(Repeating(self._tick, interval_seconds=_TICK_SECONDS))
        self._running.enter_context(self._server)

    def stop(self) -> None:
        """Stop serving and end the threads."""
        self._running.close()

    def _poll(self) -> None:
        try:
            pods = list_pods(self._cluster, namespace=self._namespace, workload=self._deployment)
        except httpx.HTTPError:
            return
        self.traffic.replace_pods(pods)

    def _tick(self) -> None:
        now = time.monotonic()
        elapsed, self._last_tick = now - self._last_tick, now
        self.traffic.pass_time(elapsed)

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._front_page, methods=["GET", "POST"]),
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/sandbox/traffic", self._change_traffic, methods=["POST"]),
            ]
        )

    async def _front_page(self, request: Request) -> Response:
        reply = self.traffic.serve_one()
        if reply is None:
            return JSONResponse({"error": "no pod is ready"}, status_code=503)
        await asyncio.sleep(reply.latency_seconds)
        return JSONResponse(
            {"pod": reply.pod.name, "image": reply.pod.image, "seconds": round(reply.latency_seconds, 3)},
            status_code=int(reply.code),
        )

    async def _health(self, request: Request) -> Response:
        ready = self.traffic.ready_pods()
        well = bool(ready) and all(self.traffic.behaviour(pod).healthy for pod in ready)
        return JSONResponse(
            {"status": "ok" if well else "unavailable", "images": sorted({pod.image for pod in ready})},
            status_code=200 if well else 503,
        )

    async def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _change_traffic(self, request: Request) -> Response:
        try:
            wanted = float((await request.json())["requests_per_second"])
        except (KeyError, TypeError, ValueError):
            wanted = -1.0
        if not 0 <= wanted <= 10_000:
            return JSONResponse(
                {"error": 'send {"requests_per_second": number} with a number from 0 to 10000'},
                status_code=400,
            )
        self.set_traffic(wanted)
        return JSONResponse({"requests_per_second": wanted})
