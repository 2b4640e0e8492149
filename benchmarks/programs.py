"""Programs that a benchmark starts: each on 127.0.0.1, its output kept, ended by its own process."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring import Skipped

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


class Failed(Exception):
    """A program that ended or did not do in time what it was started for; the text is what it said."""


def found(program: str, package: str) -> str:
    """Return the program's path. Raises Skipped with the Debian package that has it."""
    path = shutil.which(program)
    if path is None:
        raise Skipped(f"no {program} on the path: install the package {package}")
    return path


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(done: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
    """Wait until it is so; raises Failed when it takes longer than `seconds`."""
    ends_at = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends_at:
            raise Failed(f"{what}: not in {seconds:g} s")
        time.sleep(POLL_SECONDS)


def listens(port: int) -> bool:
    """Return whether someone takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str], ready: Callable[[str], bool]
) -> Iterator[str]:
    """Run a program from the moment that `ready` says so of its output; give that output.

    Raises Failed when it ends before.
    """
    with tempfile.TemporaryDirectory(prefix="backout-bench-") as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **environment}
            )
        try:
            until(lambda: process.poll() is not None or ready(output.read_text()), what=" ".join(command))
            if process.poll() is not None:
                raise Failed(f"{' '.join(command)} ended: {errors.read_text(errors='replace')[-2000:]}")
            yield output.read_text()
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
