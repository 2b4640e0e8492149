"""Run an action over and over in a thread: a scrape, a poll, a tick of traffic."""

import threading
import time
from collections.abc import Callable

from sandbox.running import Running


class Repeating(Running):
    """Call `action` every `interval_seconds` from `start` until `stop`.

    The rhythm is kept: a slow call delays the next one but does not shift those after it. An action deals
    with the failures that it expects; any other exception ends the thread and is reported by
    `threading.excepthook`.
    """

    def __init__(self, action: Callable[[], None], *, interval_seconds: float) -> None:
        self._action = action
        self._interval_seconds = interval_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"every {interval_seconds} s", daemon=True)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._action()
            due = max(due + self._interval_seconds, time.monotonic())

    def start(self) -> None:
        """Begin at once with the first call."""
        self._thread.start()

    def stop(self) -> None:
        """Return when the call under way, if any, has ended; none starts after it."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
