"""The outside of the sandbox's servers in these tests: a list of pods, a webhook, and waiting."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.serving import LoopbackServer

GOOD = "registry.example/checkout:1.4.1"
BAD = "registry.example/checkout:1.4.2"
SICK = "registry.example/checkout:1.4.3"

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within_seconds: float = 15.0) -> T:
    """Ask again and again until the answer is true; fail when it is not in time."""
    deadline = time.monotonic() + within_seconds
    pause = threading.Event()
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"not true within {within_seconds} s: {probe}"
        pause.wait(0.02)
    return answer


def pod(
    name: str,
    image: str = GOOD,
    *,
    workload: str = "checkout",
    template: str = "7d9f8c6b5",
    ready: bool = True,
    terminating: bool = False,
) -> dict[str, Any]:
    metadata = {
        "name": f"{workload}-{template}-{name}",
        "labels": {"app": workload, "pod-template-hash": template},
        "ownerReferences": [{"kind": "ReplicaSet", "name": f"{workload}-{template}"}],
    }
    if terminating:
        metadata["deletionTimestamp"] = "2026-08-22T10:00:00Z"
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": workload, "image": image}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


@dataclass
class PodList:
    """The one call of a Kubernetes API that the shop makes; `pods` None answers 503."""

    pods: Sequence[dict[str, Any]] | None = ()

    def server(self) -> LoopbackServer:
        async def answer(request: Request) -> Response:
            if self.pods is None:
                return JSONResponse({"kind": "Status", "code": 503}, status_code=503)
            return JSONResponse({"kind": "PodList", "items": list(self.pods)})

        return LoopbackServer(Starlette(routes=[Route("/api/v1/namespaces/production/pods", answer)]))


@dataclass
class Webhook:
    """A receiver that keeps what it is told; `statuses` are answered first, then 200."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)

    def server(self) -> LoopbackServer:
        async def take(request: Request) -> Response:
            status = self.statuses.pop(0) if self.statuses else 200
            self.credentials.append(request.headers.get("authorization"))
            self.bodies.append(await request.json())
            return Response(status_code=status)

        return LoopbackServer(Starlette(routes=[Route("/alerts", take, methods=["POST"])]))

    def about(self, alertname: str, status: str) -> list[dict[str, Any]]:
        return [
            body
            for body in list(self.bodies)
            if body["status"] == status and body["commonLabels"].get("alertname") == alertname
        ]
