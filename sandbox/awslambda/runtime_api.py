"""The Runtime API (2018-06-01): where a function's process asks for its next event and leaves answers."""

import json
import queue
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.serving import LoopbackServer

_VERSION = "/2018-06-01/runtime"
_POLL_SECONDS = 0.1


class FunctionFailed(Exception):
    """A function raised, or could not be loaded; `told` is what its process reported."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        trace = "".join(told.get("stackTrace") or ())
        super().__init__(f"{told.get('errorType')}: {told.get('errorMessage')}\n{trace}")
        self.told = told


@dataclass(frozen=True)
class _Invocation:
    event: Any
    deadline_seconds: float
    answered: Future[Any] = field(default_factory=Future)
    id: str = field(default_factory=lambda: str(uuid4()))


class RuntimeApi:
    """One function's Runtime API on 127.0.0.1; `address` is what ``AWS_LAMBDA_RUNTIME_API`` says."""

    def __init__(self, function_arn: str) -> None:
        self._function_arn = function_arn
        self._waiting: queue.Queue[_Invocation] = queue.Queue()
        self._taken: dict[str, _Invocation] = {}
        self._broken: FunctionFailed | None = None
        self._stopping = False
        self._server = LoopbackServer(
            Starlette(
                routes=[
                    Route(f"{_VERSION}/invocation/next", self._next, methods=["GET"]),
                    Route(f"{_VERSION}/invocation/{{id}}/response", self._answered, methods=["POST"]),
                    Route(f"{_VERSION}/invocation/{{id}}/error", self._raised, methods=["POST"]),
                    Route(f"{_VERSION}/init/error", self._not_loaded, methods=["POST"]),
                ]
            )
        )
        self.address = self._server.url.removeprefix("http://")

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._stopping = True
        self._server.stop()

    def invoke(self, event: object, *, seconds: float) -> Future[Any]:
        """Give the process an event; what it answers comes by the future, which raises FunctionFailed."""
        invocation = _Invocation(event, time.time() + seconds)
        if self._broken is not None:
            invocation.answered.set_exception(self._broken)
        self._waiting.put(invocation)
        return invocation.answered

    def _take(self) -> _Invocation | None:
        while not self._stopping:
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        return None

    async def _next(self, _request: Request) -> Response:
        invocation = await run_in_threadpool(self._take)
        if invocation is None:
            return Response(status_code=410)
        self._taken[invocation.id] = invocation
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(round(invocation.deadline_seconds * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._function_arn,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        return JSONResponse(invocation.event, headers=headers)

    async def _answered(self, request: Request) -> Response:
        invocation = self._taken.pop(request.path_params["id"])
        invocation.answered.set_result(json.loads(await request.body()))
        return _accepted()

    async def _raised(self, request: Request) -> Response:
        invocation = self._taken.pop(request.path_params["id"])
        invocation.answered.set_exception(FunctionFailed(json.loads(await request.body())))
        return _accepted()

    async def _not_loaded(self, request: Request) -> Response:
        """Fail what waits and what comes: Lambda would start the process again, and it would end again."""
        self._broken = FunctionFailed(json.loads(await request.body()))
        while not self._waiting.empty():
            self._waiting.get().answered.set_exception(self._broken)
        return _accepted()


def _accepted() -> Response:
    return JSONResponse({"status": "OK"}, status_code=202)
