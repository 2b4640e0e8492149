"""Connects to a Redis, and says in the project's own errors what it refuses.

Error codes: Redis's documentation, and those that redis-py names.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.domain.reasons import Reason
from shared.errors import BackoutError, CredentialRejected, PermanentError, TemporaryError

if TYPE_CHECKING:
    from redis import Redis

CALL_SECONDS = 10.0

_PORT = 6379
_PASSING = ("BUSY", "MISCONF", "NOREPLICAS")


@dataclass(frozen=True)
class Cache:
    """A cache: ``redis://host:port/database``, or ``rediss://`` for TLS.

    `user` and `password` stand apart from the URL, so that a URL is no secret. `ca` is the path of a file of
    certificates (PEM) to trust instead of the system's. `all_databases` makes a flush without a prefix a
    FLUSHALL; otherwise it is a FLUSHDB, for a server is often shared.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    all_databases: bool = False


def primary(name: str, client: "Redis") -> str:
    """Return the id of the server's run. Raises PermanentError where a flush would reach a part only."""
    about = client.info()
    mode, role = about.get("redis_mode", "standalone"), about.get("role", "master")
    if mode == "cluster":
        raise PermanentError(_in_cluster_mode(name))
    if mode != "standalone":
        raise PermanentError(f"cache {name} is a {mode}: name the server itself in caches.{name}.url")
    if role != "master":
        raise PermanentError(_read_only(name))
    return str(about.get("run_id", ""))


@contextmanager
def connected(name: str, cache: Cache, *, seconds: float = CALL_SECONDS) -> "Iterator[Redis]":
    """Give a client of one connection, and raise the project's errors for those of Redis.

    Every answer is waited for a fifth of `seconds`, and nothing is tried twice: after a connection that broke
    nobody knows what was done.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    host, port, database, tls = _address(name, cache)
    client = redis.Redis(
        host=host,
        port=port,
        db=database,
        username=cache.user or None,
        password=cache.password or None,
        ssl=tls,
        ssl_ca_certs=cache.ca or None,
        socket_timeout=seconds / 5,
        socket_connect_timeout=seconds / 5,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # every server speaks it, and the user needs no right to CLIENT
        driver_info=None,
    )
    try:
        yield client
    except (redis.RedisError, UnicodeError) as error:
        # The error of an unknown AUTH quotes its arguments.
        telling = bool(cache.password) and cache.password in str(error)
        raise _ours(name, cache, error) from (None if telling else error)
    finally:
        client.close()


def _address(name: str, cache: Cache) -> tuple[str, int, int, bool]:
    """Return host, port, database and whether TLS is spoken."""
    try:
        parts = urlsplit(cache.url)
        port = parts.port or _PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    database = parts.path.strip("/")
    if "@" in parts.netloc:
        raise PermanentError(
            f"caches.{name}.url holds credentials: put them into .user and .password beside it"
        )
    whole = parts.scheme in ("redis", "rediss") and parts.hostname and (database or "0").isdecimal()
    if not whole or parts.query or parts.fragment:
        raise PermanentError(f"caches.{name}.url is not redis://host:port/database, or rediss:// for TLS")
    if cache.ca:
        try:
            ssl.create_default_context(cafile=cache.ca)
        except OSError as error:
            raise PermanentError(f"caches.{name}.ca: no certificates can be read from {cache.ca}") from error
    return str(parts.hostname), port, int(database or 0), parts.scheme == "rediss"


def _ours(name: str, cache: Cache, error: Exception) -> BackoutError:
    """Return the project's error for one of Redis's."""
    text = str(error).rstrip(".")
    said = f"cache {name}: {text.replace(cache.password, '…') if cache.password else text}"
    refusal = _refusal(name, error, said)
    if refusal is not None:
        return CredentialRejected(refusal) if _is_rejection(error) else PermanentError(refusal)
    return TemporaryError(f"{said}. {_advice(name, error)}", reason=Reason.INTERNAL)


def _is_rejection(error: Exception) -> bool:
    from redis.exceptions import AuthenticationError

    return isinstance(error, AuthenticationError)


def _refusal(name: str, error: Exception, said: str) -> str | None:
    """Say what Redis will refuse again, None for what may pass."""
    from redis import exceptions as of_redis

    match error:
        case of_redis.AuthenticationError():
            return f"{said}. Correct caches.{name}.user and caches.{name}.password"
        case of_redis.NoPermissionError() | of_redis.AuthorizationError():
            return f"{said}. Allow it by the user's ACL"
        case of_redis.ReadOnlyError():
            return _read_only(name)
        case of_redis.AskError() | of_redis.ClusterCrossSlotError():
            return _in_cluster_mode(name)
        case of_redis.ConnectionError() if "CERTIFICATE_VERIFY_FAILED" in said:
            return f"{said}. Name the file of its authority in caches.{name}.ca"
        case of_redis.ConnectionError() if "WRONG_VERSION_NUMBER" in said:
            return f"{said}. It speaks no TLS: write redis:// in caches.{name}.url"
        case of_redis.ResponseError() if not _passes(error):
            return said
        case _:
            return None


def _passes(error: Exception) -> bool:
    from redis.exceptions import ClusterDownError, OutOfMemoryError, TryAgainError

    passing = isinstance(error, ClusterDownError | OutOfMemoryError | TryAgainError)
    return passing or str(error).startswith(_PASSING)


def _advice(name: str, error: Exception) -> str:
    from redis.exceptions import BusyLoadingError, OutOfMemoryError, ResponseError, WatchError

    match error:
        case OutOfMemoryError():
            return "It is full, and takes no marker of what was flushed"
        case WatchError():
            return "Another worker flushes it for this response"
        case BusyLoadingError() | ResponseError():
            return "It may pass"
        case _:
            return f"Check caches.{name}.url (rediss:// for TLS), and that it can be reached from here"


def _read_only(name: str) -> str:
    return f"cache {name} is a read-only replica: name its primary in caches.{name}.url"


def _in_cluster_mode(name: str) -> str:
    return f"cache {name} is in cluster mode, of which one node is a part only: that is not supported"
