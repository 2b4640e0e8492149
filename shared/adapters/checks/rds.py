"""Checks that each database that remedies may restore can be: it is there, and keeps backups."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from shared.adapters.checks import Check
from shared.domain.prerequisites import Finding, State
from shared.errors import PermanentError
from shared.ports import Databases

_MEND = "Name an RDS instance or an Aurora cluster of this account and region that keeps automated backups."


def checks(databases: Callable[[], Databases], names: Sequence[str]) -> Mapping[str, Check]:
    """Return a check for each name; asking needs ``rds:DescribeDBInstances`` and ``DescribeDBClusters``."""
    return {f"database {name}": partial(_check, databases, name) for name in names}


def _check(databases: Callable[[], Databases], name: str) -> Sequence[Finding]:
    try:
        latest = databases().latest(name)
    except PermanentError as error:
        return [Finding(f"database {name}", State.BROKEN, str(error), _MEND)]
    return [Finding(f"database {name}", State.OK, f"can be restored up to {latest:%Y-%m-%d %H:%M} UTC")]
