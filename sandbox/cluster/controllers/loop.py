"""Call the controllers: a work queue filled by changes and by timers, emptied one key at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from sandbox.cluster.errors import ApiError
from sandbox.cluster.storage import Change, Key, Storage

RETRY_SECONDS = 1.0
logger = logging.getLogger(__name__)


class Controller(Protocol):
    def keys(self, change: Change) -> Iterable[Key]:
        """Return what a change makes worth looking at again."""
        ...

    def reconcile(self, key: Key) -> float | None:
        """Bring one object nearer to what it asks for; return in how many seconds to look again."""
        ...


class ControllerLoop:
    """Run reconciles on the event loop; each is a callback of its own, so that requests get in between."""

    def __init__(self, storage: Storage, controllers: Iterable[Controller]) -> None:
        self._loop = asyncio.get_running_loop()
        self._controllers = tuple(controllers)
        self._queue: dict[tuple[Controller, Key], None] = {}
        self._timers: dict[tuple[Controller, Key], asyncio.TimerHandle] = {}
        self._scheduled = False
        self._unsubscribe = storage.subscribe(self._on_change)

    def enqueue(self, controller: Controller, key: Key) -> None:
        self._queue[controller, key] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._next)

    def stop(self) -> None:
        self._unsubscribe()
        self._queue.clear()
        for timer in self._timers.values():
            timer.cancel()

    def _on_change(self, change: Change) -> None:
        for controller in self._controllers:
            for key in controller.keys(change):
                self.enqueue(controller, key)

    def _next(self) -> None:
        self._scheduled = bool(len(self._queue) > 1)
        if self._scheduled:
            self._loop.call_soon(self._next)
        if not self._queue:
            return
        controller, key = item = next(iter(self._queue))
        del self._queue[item]
        if item in self._timers:
            self._timers.pop(item).cancel()
        try:
            again = controller.reconcile(key)
        except ApiError as refused:
            logger.warning("%s of %s: %s", type(controller).__name__, key, refused)
            again = RETRY_SECONDS
        if again is not None:
            self._timers[item] = self._loop.call_later(max(again, 0.001), self.enqueue, controller, key)
