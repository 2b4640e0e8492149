"""The worker of one process: a queue in memory, a pool of threads, and a sweep every second.

It is what SQS, Lambda and EventBridge are on AWS. Nothing depends on it living: what it forgets when it
dies is due in the table, and the next sweep, its own or another's, finds it.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import BackoutError, TemporaryError
from shared.ports import Clock, Held, Records

log = logging.getLogger("backout.worker")

HAIR_SECONDS = 0.01
"""A message that comes so little after its time will do: there need not be a second one."""


@dataclass(order=True)
class _Job:
    at: float
    order: int
    response_id: str = field(compare=False)
    held: Held | None = field(compare=False, default=None)
    context: Context = field(compare=False, default_factory=copy_context)
    """That of the call which sent it, so that what is traced stays in one trace."""


class Worker:
    """Advances responses in threads of this process; implements the port Queue.

    `handle` advances one response, does its tasks and returns when it is due again. Not started until
    `start`; `close` waits for what is under way.
    """

    def __init__(self, *, threads: int = 8, sweep_seconds: float = 1.0) -> None:
        self._threads = threads
        self._sweep_seconds = sweep_seconds
        self._jobs: list[_Job] = []
        self._order = 0
        self._busy: set[str] = set()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._running: list[threading.Thread] = []

    def start(
        self,
        *,
        handle: Callable[[str, Held | None], datetime | None],
        run_task: Callable[[str, str], None],
        records: Records,
        clock: Clock,
    ) -> None:
        """Start the threads."""
        self._handle, self._run_task, self._records, self._clock = handle, run_task, records, clock
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="advance")
        for target in (self._dispatch, self._sweep):
            thread = threading.Thread(target=target, name=f"worker{target.__name__}", daemon=True)
            thread.start()
            self._running.append(thread)

    def send(self, response_id: str, *, delay_seconds: float = 0.0, held: Held | None = None) -> None:
        """Have the response advanced after the delay."""
        with self._changed:
            self._order += 1
            job = _Job(time.monotonic() + delay_seconds, self._order, response_id, held)
            heapq.heappush(self._jobs, job)
            self._changed.notify()

    def close(self) -> None:
        """Stop taking jobs and wait for those under way."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        for thread in self._running:
            thread.join()
        if self._running:
            self._pool.shutdown(wait=True)

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._closing.is_set() and not self._ripe():
                    self._changed.wait(self._until_next())
                if self._closing.is_set():
                    return
                job = heapq.heappop(self._jobs)
                self._busy.add(job.response_id)
            self._submit(job.context.run, self._advance, job.response_id, job.held)

    def _ripe(self) -> bool:
        return bool(self._jobs) and self._jobs[0].at <= time.monotonic()

    def _until_next(self) -> float | None:
        return max(0.0, self._jobs[0].at - time.monotonic()) if self._jobs else None

    def _submit(self, work: Callable[..., None], *args: object) -> None:
        self._pool.submit(work, *args).add_done_callback(_logged)

    def _advance(self, response_id: str, held: Held | None) -> None:
        try:
            due_at = self._handle(response_id, held)
        finally:
            with self._changed:
                self._busy.discard(response_id)
        if due_at is None:
            return
        delay_seconds = max(0.0, (due_at - self._clock()).total_seconds())
        if not self._planned(response_id, within_seconds=delay_seconds + HAIR_SECONDS):
            self.send(response_id, delay_seconds=delay_seconds)

    def _sweep(self) -> None:
        while not self._closing.wait(self._sweep_seconds):
            try:
                found = self._records.due(self._clock())
            except BackoutError as error:
                log.warning("the sweep could not read what is due: %s", error)
                continue
            for due in found:
                if due.task:
                    self._submit(self._run_task, due.response_id, due.task)
                elif not self._known(due.response_id):
                    self.send(due.response_id)

    def _known(self, response_id: str) -> bool:
        """Return whether the response is being worked on or about to be."""
        with self._changed:
            busy = response_id in self._busy
        return busy or self._planned(response_id, within_seconds=self._sweep_seconds)

    def _planned(self, response_id: str, *, within_seconds: float) -> bool:
        with self._changed:
            last_at = time.monotonic() + within_seconds
            return any(job.response_id == response_id and job.at <= last_at for job in self._jobs)


def _logged(future: "Future[None]") -> None:
    """Log what went wrong in a thread; the response's lease runs out and the sweep finds it."""
    error = future.exception()
    if isinstance(error, TemporaryError):
        log.warning("left for the sweep: %s", error)
    elif error is not None:
        log.error("left for the sweep after an unexpected error", exc_info=error)
