"""Checks caches: each answers, is one that can be flushed, and lets the user flush it. Flushes nothing.

Redis looks at a command's rights when it queues it. So the commands of a flush are queued within a
transaction that is never executed, after it was made sure that the server does queue; and the flush itself
is one that Redis would not understand (``FLUSHDB NOTHING``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from shared.adapters.checks import Check
from shared.adapters.redis import MARKER
from shared.adapters.redis_connection import Cache, connected, primary
from shared.domain.prerequisites import Finding, State
from shared.errors import PermanentError

if TYPE_CHECKING:
    from redis import Redis

SECONDS = 5.0
_MEND = "See docs/caches.md for what the URL may name and which rights the user needs."


def checks(caches: Mapping[str, Cache], prefixes: Mapping[str, Collection[str]]) -> dict[str, Check]:
    """Return a check for each cache; `prefixes` are what is flushed of it (an empty one: everything)."""
    return {
        f"cache {name}": partial(_check, name, cache, prefixes.get(name) or [""])
        for name, cache in caches.items()
    }


def _check(name: str, cache: Cache, prefixes: Collection[str]) -> Sequence[Finding]:
    try:
        with connected(name, cache, seconds=SECONDS) as client:
            primary(name, client)
            queued = _queued(client, _needed(cache, prefixes))
    except PermanentError as error:
        return [Finding(f"cache {name}", State.BROKEN, str(error), _MEND)]
    if not queued:
        return [Finding(f"cache {name}", State.BROKEN, "it knows no transactions (MULTI)", _MEND)]
    return [Finding(f"cache {name}", State.OK, "it answers, and may be flushed")]


def _needed(cache: Cache, prefixes: Collection[str]) -> Iterator[tuple[str, ...]]:
    yield from (("GET", f"{MARKER}:doctor"), ("SET", f"{MARKER}:doctor", ""))
    for prefix in prefixes:
        if prefix:
            yield from (("SCAN", "0"), ("UNLINK", f"{prefix}backout-doctor"))
        else:
            yield "FLUSHALL" if cache.all_databases else "FLUSHDB", "NOTHING"


def _queued(client: "Redis", commands: Iterator[tuple[str, ...]]) -> bool:
    """Have the commands queued; hanging up discards them. False where the server does not queue."""
    connection = client.connection_pool.get_connection()
    for command in (("MULTI",), ("PING",), *commands):
        connection.send_command(*command, check_health=False)  # type: ignore[no-untyped-call]
        answer = connection.read_response()
        if answer != (b"OK" if command == ("MULTI",) else b"QUEUED"):
            return False
    return True
