"""Errands: tasks in threads of their own, so that a receiver that is slow holds up no response."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from shared.errors import TemporaryError
from shared.ports import Clock, Records

log = logging.getLogger("backout.worker")


class Errands:
    """Runs tasks; those of one response and channel one after the other, all others side by side.

    A task that is waiting for a thread, or has one, is not taken on again: the sweep finds it every second.
    """

    def __init__(
        self, run: Callable[[str, str], None], records: Records, clock: Clock, *, threads: int = 8
    ) -> None:
        self._run, self._records, self._clock = run, records, clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="errand")
        self._taken: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def run(self, response_id: str, name: str) -> None:
        """Have one task run."""
        self._take(response_id, [name])

    def run_due(self, response_id: str) -> None:
        """Have the tasks of a response run that are due now."""
        lines: dict[object, list[str]] = {}
        for task in self._records.tasks(response_id):
            if task.due_at is not None and task.due_at <= self._clock():
                lines.setdefault(task.facts.get("channel", task.name), []).append(task.name)
        for names in lines.values():
            self._take(response_id, names)

    def close(self) -> None:
        """Wait for what is under way; what waits for a thread stays due in the table."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, response_id: str, names: Sequence[str]) -> None:
        with self._lock:
            keys = [(response_id, name) for name in names if (response_id, name) not in self._taken]
            if not keys:
                return
            self._taken.update(keys)
        future = self._pool.submit(copy_context().run, self._run_all, keys)
        future.add_done_callback(partial(self._done, keys))

    def _run_all(self, keys: Sequence[tuple[str, str]]) -> None:
        for response_id, name in keys:
            self._run(response_id, name)

    def _done(self, keys: Sequence[tuple[str, str]], future: "Future[None]") -> None:
        with self._lock:
            self._taken.difference_update(keys)
        error = None if future.cancelled() else future.exception()
        if isinstance(error, TemporaryError):
            log.warning("left for the sweep: %s", error)
        elif error is not None:
            log.error("left for the sweep after an unexpected error", exc_info=error)
