"""Runs the program ``helm``: the one way to roll a release back, for Helm has no server to ask.

A rollback that is killed half way stays ``pending-rollback`` for ever and keeps every later upgrade out. So
one that takes long (a hook may) is left to end by itself, in a session of its own.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from shared.domain.reasons import Reason
from shared.errors import BackoutError, PermanentError, TemporaryError

_QUOTED = 400
_SECRETS = re.compile(r"(?i)\b(bearer|basic)\s+\S+|//[^/@\s]+@|\b(password|token|secret)\s*[=:]\s*\S+")
_BUSY = re.compile(r"another operation|release: already exists", re.IGNORECASE)
_FORBIDDEN = re.compile(r"forbidden|unauthorized", re.IGNORECASE)
_GONE = re.compile(r"has no \d+ version|release: not found|no revision for release", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"cluster unreachable|connection refused|connection reset|i/o timeout|timed out|deadline exceeded|EOF$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, and what the program said of it."""

    code: int
    said: str

    @property
    def failed(self) -> bool:
        """Whether the program says that it could not do it."""
        return self.code != 0

    @property
    def busy(self) -> bool:
        """Whether another helm was at the release."""
        return _BUSY.search(self.said) is not None

    def error(self, release: str) -> BackoutError:
        """Return the error for a run that changed nothing."""
        if not self.failed:
            return PermanentError(
                f"helm says that it rolled release {release} back, but made no version of it"
            )
        text = f"helm could not roll release {release} back: {self.said or f'it ended with {self.code}'}"
        if self.busy or _UNREACHABLE.search(self.said):
            return TemporaryError(text)
        return refused(text, self.said)


@dataclass(frozen=True)
class _Run:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]


class HelmProgram:
    """The program at `path` (or of that name on the path), for the cluster of `kubeconfig`.

    Without a kubeconfig it finds the cluster as helm does. Fit for use by many threads.
    """

    def __init__(self, path: str, *, kubeconfig: str = "") -> None:
        self._path = path
        # Releases were found in Secrets, so it has to look there too, whatever its environment says.
        self._environment = {"HELM_DRIVER": "secret", **({"KUBECONFIG": kubeconfig} if kubeconfig else {})}
        self._lock = threading.Lock()
        self._runs: dict[tuple[str, str], _Run] = {}

    @property
    def is_there(self) -> bool:
        """Whether there is a program to be run."""
        return bool(self._path) and shutil.which(self._path) is not None

    def is_running(self, namespace: str, release: str) -> bool:
        """Return whether a run for the release that was started here has not ended."""
        with self._lock:
            run = self._runs.get((namespace, release))
            return run is not None and run.process.poll() is None

    def roll_back(self, namespace: str, release: str, version: int, *, seconds: float) -> Ended | None:
        """Roll a release back to a version; None when that has not ended in `seconds` and goes on.

        Nothing is waited for, and no version is pruned: the history is other people's.
        Raises TemporaryError while another run is at it, PermanentError without a program.
        """
        command = ["rollback", release, str(version), "--namespace", namespace, "--history-max", "0"]
        key = (namespace, release)
        with self._lock:
            before = self._runs.get(key)
            if before is not None and before.process.poll() is None:
                raise TemporaryError(f"helm is still rolling back {namespace}/{release}")
            if before is not None:
                before.errors.close()
            run = self._runs[key] = self._started(command)
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = run.process.wait(timeout=seconds)
            return Ended(code, _said(run.errors))
        return None

    def stop(self, namespace: str, release: str) -> None:
        """Kill the run for the release with all that it started; only before it has begun to write."""
        with self._lock:
            run = self._runs.pop((namespace, release), None)
        if run is None:
            return
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()
        run.errors.close()

    def _started(self, arguments: list[str]) -> _Run:
        environment: Mapping[str, str] = {**os.environ, **self._environment}
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would hold it up
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and names were checked
                [self._path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            errors.close()
            raise PermanentError(
                f"the helm program {self._path} cannot be started ({error.strerror}): install it, or take it "
                "out of the configuration, and pod templates alone are restored"
            ) from error
        return _Run(process, errors)


def refused(text: str, said: str) -> PermanentError:
    """Return the error for what helm cannot do, with the reason that its own words give."""
    if _GONE.search(said):
        return PermanentError(text, reason=Reason.NO_CANDIDATE)
    if _FORBIDDEN.search(said):
        return PermanentError(f"{text}; grant it to helm's account by a role", reason=Reason.FORBIDDEN)
    return PermanentError(text)


def clean(text: str) -> str:
    """Return what a program or a cluster said, short, in one line and without what may be a secret."""
    return _SECRETS.sub("…", " ".join(text.split()))[:_QUOTED]


def _said(errors: IO[bytes]) -> str:
    """Return the error out of what the program said; warnings come before it."""
    errors.seek(0)
    text = errors.read(64 * 1024).decode(errors="replace")
    errors.close()
    _, found, error = text.rpartition("Error: ")
    return clean(error if found else text)
