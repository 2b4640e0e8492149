"""Stream changes to watching clients, one JSON event a line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import msgspec

from sandbox.cluster.errors import ApiError
from sandbox.cluster.objects import Object
from sandbox.cluster.resources import Resource
from sandbox.cluster.selectors import Matches
from sandbox.cluster.storage import Change, Storage

LONGEST_WATCH_SECONDS = 3600.0
BOOKMARK_EVERY_SECONDS = 60.0
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What a client watches.

    `revision` is the resourceVersion to go on after; empty or `0` starts with what there is. `show`
    turns an object into what the client asked for, a Table or another version.
    """

    resource: Resource
    namespace: str
    name: str
    matches: Matches
    show: Callable[[Object], Object]
    revision: str
    timeout_seconds: float = LONGEST_WATCH_SECONDS
    bookmarks: bool = False
    initial_events: bool = False

    def event(self, change: Change) -> Object | None:
        """Translate a change: what begins or ceases to match looks like added or deleted."""
        if change.resource != self.resource.qualified or not self._covers(change.obj):
            return None
        matched = change.before is not None and self.matches(change.before)
        still = change.action != "DELETED" and self.matches(change.obj)
        if not matched and not still:
            return None
        kind = "MODIFIED" if matched and still else "ADDED" if still else "DELETED"
        return {"type": kind, "object": self.show(change.obj)}

    def _covers(self, obj: Object) -> bool:
        metadata = obj["metadata"]
        return self.namespace in ("", metadata.get("namespace", "")) and self.name in ("", metadata["name"])

    def first_events(self, storage: Storage) -> Iterator[Object]:
        """Yield what happened since `revision`, or what there is now."""
        if self.revision not in ("", "0") and not self.initial_events:
            past = (self.event(change) for change in storage.since(int(self.revision)))
            yield from (event for event in past if event is not None)
            return
        for obj in storage.objects(self.resource, self.namespace):
            if self._covers(obj) and self.matches(obj):
                yield {"type": "ADDED", "object": self.show(obj)}
        if self.initial_events:
            yield self.bookmark(storage.revision, INITIAL_EVENTS_END)

    def bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> Object:
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        metadata |= {"annotations": annotations} if annotations else {}
        resource = self.resource
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return {"type": "BOOKMARK", "object": obj}


class Watches:
    """Serve watches until their time is up, or the server's."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: set[asyncio.Queue[Change | None]] = set()

    def close(self) -> None:
        """End every open watch."""
        for queue in self._open:
            queue.put_nowait(None)

    async def stream(self, watch: Watch) -> AsyncIterator[bytes]:
        """Yield the encoded events; an expired resourceVersion is an event too, of type ERROR."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._open.add(queue)
        unsubscribe = self._storage.subscribe(queue.put_nowait)
        try:
            try:
                first = list(watch.first_events(self._storage))
            except ApiError as expired:
                yield _line({"type": "ERROR", "object": expired.status()})
                return
            for event in first:
                yield _line(event)
            async for event in self._following(watch, queue):
                yield _line(event)
        finally:
            unsubscribe()
            self._open.discard(queue)

    async def _following(self, watch: Watch, queue: asyncio.Queue[Change | None]) -> AsyncIterator[Object]:
        ends = time.monotonic() + min(watch.timeout_seconds, LONGEST_WATCH_SECONDS)
        while (left := ends - time.monotonic()) > 0:
            try:
                change = await asyncio.wait_for(queue.get(), min(left, BOOKMARK_EVERY_SECONDS))
            except TimeoutError:
                if watch.bookmarks:
                    yield watch.bookmark(self._storage.revision)
                continue
            if change is None:
                return
            event = watch.event(change)
            if event is not None:
                yield event


def _line(event: Object) -> bytes:
    return msgspec.json.encode(event) + b"\n"
