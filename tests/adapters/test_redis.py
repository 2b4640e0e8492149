import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import cast

import pytest
import redis

from shared.adapters.redis import RedisCaches, escaped
from shared.adapters.redis_connection import Cache
from shared.domain.changes import Applied, FlushCache
from shared.domain.workloads import WorkloadRef
from shared.errors import BackoutError, PermanentError, TemporaryError
from tests.redis_server import RedisServer, redis_server, self_signed

SECRET = "s3cret-that-nobody-may-see"
COMMANDS = "ping info watch unwatch get multi exec discard set flushdb scan unlink"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    with shared_server.client() as client:
        client.flushall()
    return shared_server


def flushing(prefix: str = "", *, response_id: str = "r1", cache: str = "pages") -> FlushCache:
    workload = WorkloadRef("prod", "production", "deployment", "checkout")
    return FlushCache(workload=workload, response_id=response_id, cache=cache, prefix=prefix)


def caches(url: str, *, seconds: float = 10.0, **fields: object) -> RedisCaches:
    return RedisCaches({"pages": Cache(url, **fields)}, seconds=seconds)  # type: ignore[arg-type]


def fill(server: RedisServer, prefix: str, count: int, *, database: int = 0) -> None:
    with server.client(database) as client:
        for start in range(0, count, 10_000):
            client.mset({f"{prefix}{n}": "x" for n in range(start, min(start + 10_000, count))})


def fill_up(server: RedisServer) -> None:
    with server.client() as client:
        for n in range(10_000):
            client.set(f"page:{n}", "x" * 10_000)


def keys(server: RedisServer, *, database: int = 0) -> set[str]:
    """Return the keys that are not the flush's own."""
    with server.client(database) as client:
        found = {cast("bytes", key).decode() for key in client.scan_iter(count=10_000)}
    return {key for key in found if not key.startswith("backout:flushed:")}


def refused(changing: RedisCaches, change: FlushCache) -> BackoutError:
    """Return the error, after making sure that nothing that is printed of it tells the password."""
    with pytest.raises(BackoutError) as caught:
        changing.apply(change)
    assert SECRET not in str(caught.getrepr(style="native"))
    return caught.value


def test_everything_in_the_database_is_flushed_and_other_databases_are_left(server: RedisServer) -> None:
    fill(server, "page:", 10)
    fill(server, "session:", 10, database=1)

    assert caches(f"{server.url}/0").apply(flushing()) is Applied.CHANGED

    assert keys(server) == set()
    assert len(keys(server, database=1)) == 10


def test_the_urls_database_is_the_one_that_is_flushed(server: RedisServer) -> None:
    fill(server, "page:", 10)
    fill(server, "session:", 10, database=1)

    assert caches(f"{server.url}/1").apply(flushing()) is Applied.CHANGED

    assert len(keys(server)) == 10
    assert keys(server, database=1) == set()


def test_all_databases_are_flushed_where_it_says_so(server: RedisServer) -> None:
    fill(server, "page:", 10)
    fill(server, "session:", 10, database=1)
    everything = caches(server.url, all_databases=True)

    assert everything.apply(flushing()) is Applied.CHANGED
    assert keys(server) == keys(server, database=1) == set()

    fill(server, "page:", 10)
    assert everything.apply(flushing()) is Applied.ALREADY
    assert len(keys(server)) == 10


@pytest.mark.parametrize("prefix", ["", "page:"])
def test_a_response_flushes_once_and_what_was_cached_since_stays(server: RedisServer, prefix: str) -> None:
    fill(server, "page:", 10)
    assert caches(server.url).apply(flushing(prefix)) is Applied.CHANGED
    fill(server, "page:", 3)

    assert caches(server.url).apply(flushing(prefix)) is Applied.ALREADY

    assert len(keys(server)) == 3


def test_another_response_and_another_prefix_flush_again(server: RedisServer) -> None:
    for change in (flushing("page:"), flushing("page:", response_id="r2"), flushing("image:"), flushing()):
        fill(server, "page:", 3)
        assert caches(server.url).apply(change) is Applied.CHANGED


@pytest.mark.parametrize("prefix", ["", "page:"])
def test_the_marker_is_gone_after_a_day(server: RedisServer, prefix: str) -> None:
    caches(server.url).apply(flushing(prefix))

    with server.client() as client:
        assert 86_300 < int(client.ttl(f"backout:flushed:r1:pages:{prefix}")) <= 86_400


def test_a_hundred_thousand_keys_are_flushed_by_their_prefix_and_the_others_are_left(
    server: RedisServer,
) -> None:
    fill(server, "checkout:", 100_000)
    fill(server, "payments:", 1_000)

    assert caches(server.url).apply(flushing("checkout:")) is Applied.CHANGED

    left = keys(server)
    assert len(left) == 1_000
    assert all(key.startswith("payments:") for key in left)


def test_what_means_something_in_a_pattern_means_itself_in_a_prefix(server: RedisServer) -> None:
    prefix = r"a*b?[c]\^-"
    with server.client() as client:
        client.mset({f"{prefix}1": "x", "aXbYc1": "x", "a*b?c": "x"})

    assert caches(server.url).apply(flushing(prefix)) is Applied.CHANGED

    assert keys(server) == {"aXbYc1", "a*b?c"}
    assert escaped("page:1") == "page:1"


def test_a_flush_that_takes_too_long_is_gone_on_with_by_the_next_call(server: RedisServer) -> None:
    fill(server, "checkout:", 20_000)
    fill(server, "payments:", 100)
    hasty = caches(server.url, seconds=0.05)
    refusals = []
    applied = None
    while applied is None:
        try:
            applied = hasty.apply(flushing("checkout:"))
        except TemporaryError as error:
            refusals.append((str(error), len(keys(server))))

    assert refusals
    assert {text for text, _ in refusals} == {
        "cache pages: keys beginning with 'checkout:' are left; going on with them"
    }
    assert [left for _, left in refusals] == sorted({left for _, left in refusals}, reverse=True)
    assert len(keys(server)) == 100
    assert hasty.apply(flushing("checkout:")) is Applied.ALREADY


def test_a_server_that_was_started_anew_is_gone_through_from_the_beginning(server: RedisServer) -> None:
    fill(server, "checkout:", 5_000)
    with server.client() as client:
        client.set("backout:flushed:r1:pages:checkout:", "another-run 4095")

    assert caches(server.url).apply(flushing("checkout:")) is Applied.CHANGED

    assert keys(server) == set()


@contextmanager
def cutting(server: RedisServer, word: bytes, *, after: int) -> Iterator[str]:
    """Pass bytes on to the server, and cut the connection once `word` was sent `after` times and answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        passing = Thread(target=_pass_on, args=(listener, server.port, word, after))
        passing.start()
        yield url
        passing.join()


def _pass_on(listener: socket.socket, port: int, word: bytes, after: int) -> None:
    near, _ = listener.accept()
    listener.close()
    seen = 0
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        while True:
            readable, _, _ = select.select([near, far], [], [], 10.0)
            if near in readable:
                asked = near.recv(1 << 20)
                seen += asked.count(word)
                far.sendall(asked)
            if far in readable and seen < after:
                near.sendall(far.recv(1 << 20))
            elif far in readable or not readable or not asked:
                return


def test_a_flush_that_was_killed_in_between_is_gone_on_with(server: RedisServer) -> None:
    fill(server, "checkout:", 100_000)
    fill(server, "payments:", 100)
    with cutting(server, b"UNLINK", after=30) as url:
        assert isinstance(refused(caches(url), flushing("checkout:")), TemporaryError)
    assert 100 < len(keys(server)) < 100_000

    assert caches(server.url).apply(flushing("checkout:")) is Applied.CHANGED

    assert len(keys(server)) == 100


def test_a_flush_whose_answer_went_missing_is_known_again(server: RedisServer) -> None:
    fill(server, "page:", 10)
    with cutting(server, b"EXEC", after=1) as url:
        assert isinstance(refused(caches(url), flushing()), TemporaryError)
    fill(server, "page:", 3)

    assert caches(server.url).apply(flushing()) is Applied.ALREADY
    assert len(keys(server)) == 3


@pytest.mark.parametrize("prefix", ["", "page:"])
def test_a_server_that_was_killed_is_a_temporary_error(tmp_path: Path, prefix: str) -> None:
    with redis_server(tmp_path) as server:
        server.kill()

        error = refused(caches(server.url), flushing(prefix))

    assert isinstance(error, TemporaryError)
    assert "caches.pages.url" in str(error)


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        error = refused(caches(f"redis://127.0.0.1:{silent.getsockname()[1]}", seconds=1.0), flushing())

    assert isinstance(error, TemporaryError)
    assert time.monotonic() - began < 1.0


def test_a_full_cache_is_flushed_all_the_same(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        with pytest.raises(redis.OutOfMemoryError):
            fill_up(server)

        assert caches(server.url).apply(flushing()) is Applied.CHANGED

        assert keys(server) == set()
        assert caches(server.url).apply(flushing()) is Applied.ALREADY


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with a password, a user who may do what docs/caches.md says, and one who may only read."""
    named = ["on", f">{SECRET}", "-@all"]
    needed = ["~backout:flushed:*", "~page:*", *(f"+{command}" for command in COMMANDS.split())]
    backout = ["--user", "backout", *named, *needed]
    reader = ["--user", "reader", *named, "~*", "+@read", "+@transaction", "+info"]
    options = [*backout, *reader]
    with redis_server(tmp_path_factory.mktemp("guarded"), *options, password=SECRET) as server:
        yield server


@pytest.mark.parametrize("user", ["", "backout"])
@pytest.mark.parametrize("prefix", ["", "page:"])
def test_a_password_is_given(guarded: RedisServer, user: str, prefix: str) -> None:
    fill(guarded, "page:", 10)
    change = flushing(prefix, response_id=f"r-{user}-{prefix}")

    assert caches(guarded.url, user=user, password=SECRET).apply(change) is Applied.CHANGED

    assert keys(guarded) == set()


@pytest.mark.parametrize(
    ("user", "password"), [("", ""), ("", f"{SECRET}-not"), ("nobody", SECRET), ("backout", f"{SECRET}-not")]
)
def test_a_wrong_password_is_refused_and_not_told(guarded: RedisServer, user: str, password: str) -> None:
    error = refused(caches(guarded.url, user=user, password=password), flushing())

    assert isinstance(error, PermanentError)
    assert "caches.pages.password" in str(error)


def test_a_password_for_a_server_that_wants_none_is_refused(server: RedisServer) -> None:
    error = refused(caches(server.url, password=SECRET), flushing())

    assert isinstance(error, PermanentError)
    assert "caches.pages.password" in str(error)


def test_a_server_that_does_not_know_auth_quotes_the_password_in_vain(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--rename-command", "AUTH", "") as server:
        error = refused(caches(server.url, user="someone", password=SECRET), flushing())

    assert isinstance(error, PermanentError)
    assert "unknown command" in str(error)


@pytest.mark.parametrize(("prefix", "command"), [("", "flushdb"), ("page:", "unlink")])
def test_a_right_that_lacks_is_named(guarded: RedisServer, prefix: str, command: str) -> None:
    fill(guarded, "page:", 10)

    error = refused(caches(guarded.url, user="reader", password=SECRET), flushing(prefix, response_id="r9"))

    assert isinstance(error, PermanentError)
    assert command in str(error)
    assert "ACL" in str(error)
    assert len(keys(guarded)) == 10


def test_a_command_that_was_renamed_away_is_refused_in_redis_words(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--rename-command", "FLUSHDB", "") as server:
        error = refused(caches(server.url), flushing())

    assert isinstance(error, PermanentError)
    assert "FLUSHDB" in str(error)


def test_tls_is_spoken_with_a_server_whose_authority_is_named(tmp_path: Path) -> None:
    with redis_server(tmp_path, certificate=self_signed(tmp_path)) as server:
        fill(server, "page:", 10)

        assert caches(server.url, ca=server.ca).apply(flushing()) is Applied.CHANGED
        assert keys(server) == set()

        unknown = refused(caches(server.url), flushing())
        assert isinstance(unknown, PermanentError)
        assert "caches.pages.ca" in str(unknown)

        plain = refused(caches(server.url.replace("rediss", "redis")), flushing())
        assert isinstance(plain, TemporaryError)
        assert "rediss://" in str(plain)


def test_a_server_without_tls_is_not_spoken_to_over_it(server: RedisServer) -> None:
    error = refused(caches(server.url.replace("redis", "rediss"), seconds=1.0), flushing())

    assert "caches.pages.url" in str(error)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_told_by_its_key(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    error = refused(caches("rediss://127.0.0.1:9", ca=str(path)), flushing())

    assert isinstance(error, PermanentError)
    assert "caches.pages.ca" in str(error)


@pytest.mark.parametrize("prefix", ["", "page:"])
@pytest.mark.parametrize("read_only", ["yes", "no"])
def test_a_replica_is_left_alone(server: RedisServer, tmp_path: Path, prefix: str, read_only: str) -> None:
    of = ["--replicaof", "127.0.0.1", str(server.port), "--replica-read-only", read_only]
    with redis_server(tmp_path, *of) as replica:
        error = refused(caches(replica.url), flushing(prefix))

    assert isinstance(error, PermanentError)
    assert "replica" in str(error)


def test_a_node_of_a_cluster_is_left_alone(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--cluster-enabled", "yes") as node:
        error = refused(caches(node.url), flushing())

    assert isinstance(error, PermanentError)
    assert "cluster mode" in str(error)


def test_a_sentinel_is_told_from_a_server(tmp_path: Path) -> None:
    (tmp_path / "sentinel.conf").touch()
    with redis_server(tmp_path, str(tmp_path / "sentinel.conf"), "--sentinel") as sentinel:
        error = refused(caches(sentinel.url), flushing())

    assert isinstance(error, PermanentError)
    assert "sentinel" in str(error)


def test_a_cache_that_is_not_configured_is_named_by_its_key() -> None:
    error = refused(caches("redis://127.0.0.1:9"), flushing(cache="images"))

    assert isinstance(error, PermanentError)
    assert "caches.images" in str(error)
    assert "pages" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache.example.com:6379",
        "http://cache.example.com",
        "redis://",
        "redis://cache.example.com/sessions",
        "redis://cache.example.com:port",
        "redis://cache.example.com:99999",
        "redis://cache.example.com/0?ssl=true",
        f"redis://:{SECRET}@cache.example.com/0",
    ],
)
def test_a_url_that_is_none_is_told_by_its_key_only(url: str) -> None:
    error = refused(caches(url), flushing())

    assert isinstance(error, PermanentError)
    assert "caches.pages.url" in str(error)


def test_a_cache_does_not_show_its_password() -> None:
    assert SECRET not in repr(Cache("redis://127.0.0.1:9", password=SECRET))


def test_redis_is_not_loaded_before_the_first_flush() -> None:
    code = (
        "import sys, shared.adapters.redis as r; r.RedisCaches({}); "
        "sys.exit(any(m == 'redis' or m.startswith('redis.') for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
