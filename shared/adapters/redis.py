"""Flushes caches kept in Redis, or in what speaks its protocol (Valkey, ElastiCache without cluster mode).

Commands: Redis's documentation of ``FLUSHDB``, ``SCAN``, ``UNLINK`` and ``MULTI``.
"""

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.adapters.redis_connection import CALL_SECONDS, Cache, connected, primary
from shared.domain.changes import Applied, FlushCache
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    from redis import Redis

MARKER = "backout:flushed"
MARKER_SECONDS = 86_400

_DONE = "done"
_BATCH = 1000


class RedisCaches:
    """Fills the port `Caches`. What was flushed is marked in the cache itself, for a day.

    A flush of everything and its marker are one transaction. A flush of a prefix is marked at its end; one
    that takes longer than `seconds` leaves where it got to in the marker, and the next call goes on there.
    """

    def __init__(self, caches: Mapping[str, Cache], *, seconds: float = CALL_SECONDS) -> None:
        self._caches = caches
        self._seconds = seconds

    def apply(self, change: FlushCache) -> Applied:
        name, prefix = change.cache, change.prefix
        cache = self._caches.get(name)
        if cache is None:
            raise PermanentError(f"caches.{name} is not configured: name one of {', '.join(self._caches)}")
        deadline = time.monotonic() + self._seconds * 0.8
        marker = f"{MARKER}:{change.response_id}:{name}:{prefix}"
        with connected(name, cache, seconds=self._seconds) as client:
            run = primary(name, client)
            if prefix:
                return _by_prefix(name, client, prefix, marker=marker, run=run, deadline=deadline)
            return _whole(client, marker, all_databases=cache.all_databases)


def _whole(client: "Redis", marker: str, *, all_databases: bool) -> Applied:
    """Flush and mark in one transaction, which another flush by the same response voids."""
    from redis.exceptions import OutOfMemoryError

    with client.pipeline() as transaction:
        transaction.watch(marker)  # type: ignore[no-untyped-call]
        if _read(transaction, marker) == _DONE:
            return Applied.ALREADY
        transaction.multi()
        _flush(transaction, all_databases=all_databases)
        transaction.set(marker, _DONE, ex=MARKER_SECONDS)
        try:
            transaction.execute()
        except OutOfMemoryError:
            # A full cache takes no marker, and without it the whole transaction is refused.
            _flush(client, all_databases=all_databases, asynchronous=False)
            client.set(marker, _DONE, ex=MARKER_SECONDS)
    return Applied.CHANGED


def _flush(client: "Redis", *, all_databases: bool, asynchronous: bool = True) -> None:
    if all_databases:
        client.flushall(asynchronous=asynchronous)
    else:
        client.flushdb(asynchronous=asynchronous)


def _by_prefix(name: str, client: "Redis", prefix: str, *, marker: str, run: str, deadline: float) -> Applied:
    """Unlink the keys batch by batch. A cursor means something to the process that gave it only (`run`)."""
    state = _read(client, marker)
    if state == _DONE:
        return Applied.ALREADY
    of, _, left = state.partition(" ")
    cursor = int(left) if of == run else 0
    while True:
        cursor, keys = client.scan(cursor, match=f"{escaped(prefix)}*", count=_BATCH)
        if keys:
            client.unlink(*keys)
        if cursor == 0:
            client.set(marker, _DONE, ex=MARKER_SECONDS)
            return Applied.CHANGED
        if time.monotonic() > deadline:
            client.set(marker, f"{run} {cursor}", ex=MARKER_SECONDS)
            left_over = f"cache {name}: keys beginning with {prefix!r} are left; going on with them"
            raise TemporaryError(left_over, reason=Reason.INTERNAL)


def escaped(text: str) -> str:
    """Return the pattern that matches only the text, whatever it has a meaning for in a pattern."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)


def _read(client: "Redis", marker: str) -> str:
    value = client.get(marker) or ""
    return value.decode() if isinstance(value, bytes) else value
