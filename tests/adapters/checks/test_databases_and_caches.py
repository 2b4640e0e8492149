from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.adapters.checks import rds
from shared.adapters.checks import redis as caches
from shared.adapters.checks.running import findings
from shared.adapters.redis_connection import Cache
from shared.domain.changes import Applied, RestoreDatabase
from shared.domain.prerequisites import Finding, State
from shared.errors import PermanentError
from shared.ports import DatabaseRestore
from tests.redis_server import RedisServer, redis_server

SECRET = "s3cret-that-nobody-may-see"


class FakeDatabases:
    """Has one database that can be restored, and one that cannot."""

    def latest(self, instance: str) -> datetime:
        if instance != "shop":
            raise PermanentError(f"database {instance} keeps no backups")
        return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def apply(self, change: RestoreDatabase) -> Applied:
        raise NotImplementedError

    def look(self, instance: str) -> DatabaseRestore | None:
        raise NotImplementedError


def test_a_database_says_up_to_when_it_can_be_restored() -> None:
    shop, carts = findings(rds.checks(FakeDatabases, ["shop", "carts"]), seconds=5)

    assert (shop.state, shop.detail) == (State.OK, "can be restored up to 2026-03-02 12:00 UTC")
    assert (carts.state, carts.detail) == (State.BROKEN, "database carts keeps no backups")
    assert carts.mend


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    users = {
        "everything": "~* +info +multi +ping +get +set +flushdb",
        "prefixes": "~backout:flushed:* ~checkout:* +info +multi +ping +get +set +scan +unlink",
    }
    options = [
        option
        for user, rights in users.items()
        for option in ("--user", user, "on", f">{SECRET}", "-@all", *rights.split())
    ]
    with redis_server(tmp_path_factory.mktemp("redis"), *options) as server:
        yield server


def found(server: RedisServer, *prefixes: str, user: str = "", all_databases: bool = False) -> Finding:
    """Return the finding, after making sure that nothing was flushed."""
    cache = Cache(server.url, user=user, password=SECRET if user else "", all_databases=all_databases)
    with server.client() as client:
        client.mset({"checkout:1": "x", "payments:1": "x", "checkout:backout-doctor": "x"})
        [finding] = findings(caches.checks({"pages": cache}, {"pages": prefixes}), seconds=10)
        assert client.dbsize() == 3
    assert SECRET not in repr(finding)
    return finding


@pytest.mark.parametrize(
    ("user", "prefixes"),
    [("", []), ("", ["", "checkout:"]), ("everything", [""]), ("prefixes", ["checkout:"])],
)
def test_a_cache_that_may_be_flushed_is_found_well_and_is_not_flushed(
    server: RedisServer, user: str, prefixes: list[str]
) -> None:
    assert found(server, *prefixes, user=user).state is State.OK


@pytest.mark.parametrize(
    ("user", "prefix", "all_databases", "lacking"),
    [
        ("prefixes", "", False, "flushdb"),
        ("everything", "", True, "flushall"),
        ("everything", "checkout:", False, "scan"),
        ("prefixes", "payments:", False, "key"),
    ],
)
def test_a_right_that_lacks_is_named(
    server: RedisServer, user: str, prefix: str, all_databases: bool, lacking: str
) -> None:
    finding = found(server, prefix, user=user, all_databases=all_databases)

    assert finding.state is State.BROKEN
    assert lacking in finding.detail
    assert finding.mend


def test_a_cache_that_is_away_is_broken(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.kill()
        [finding] = findings(caches.checks({"pages": Cache(server.url)}, {}), seconds=10)

    assert finding.state is State.BROKEN
    assert "caches.pages.url" in finding.detail
