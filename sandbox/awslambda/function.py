"""A function in its own process, started by AWS's runtime client as Lambda starts it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.awslambda.runtime_api import RuntimeApi

ACCOUNT, REGION = "123456789012", "us-east-1"
_POLL_SECONDS = 0.1
_TERMINATE_SECONDS = 5.0


class LambdaFunction:
    """One instance of a function, which answers one event after the other.

    `task` is the folder with what was packaged: the process starts there and imports from there, from
    `client` (where the runtime client is) and from Python's own library alone. `environment` is what is
    configured of the function; nothing of this process's own is passed on.
    """

    def __init__(
        self,
        name: str,
        handler: str,
        *,
        task: Path,
        client: Sequence[Path],
        environment: Mapping[str, str],
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._timeout_seconds = timeout_seconds
        self._api = RuntimeApi(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
        self._command = [sys.executable, "-S", "-s", "-m", "awslambdaric", handler]
        self._task = task
        self._environment = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/03/02/[$LATEST]0123456789abcdef",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_TASK_ROOT": str(task),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",  # the folder cannot be written to on Lambda
            "PYTHONPATH": os.pathsep.join(map(str, [task, *client])),
            "TZ": ":UTC",
            "_HANDLER": handler,
            **environment,
        }

    def __enter__(self) -> Self:
        self._api.start()
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._task,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(_TERMINATE_SECONDS)
        self._log.close()
        self._api.stop()

    def invoke(self, event: object) -> Any:
        """Return what the function answers to an event.

        Raises FunctionFailed when it raised, TimeoutError when it was too slow or its process ended.
        """
        answered = self._api.invoke(event, seconds=self._timeout_seconds)
        left = self._timeout_seconds
        while not answered.done() and left > 0 and self._process.poll() is None:
            left -= _POLL_SECONDS
            wait([answered], timeout=_POLL_SECONDS)
        if not answered.done():
            raise TimeoutError(f"{self.name} did not answer; its log:\n{self.log()}")
        return answered.result()

    def log(self) -> str:
        """Return what the process has written."""
        return os.pread(self._log.fileno(), 1_000_000, 0).decode(errors="replace")
