"""Remedies: what is done about the runbook's common issues, beside the rollback itself."""

from dataclasses import dataclass
from enum import StrEnum


class Remedy(StrEnum):
    """A remedy. All but `EVICT` and `FLUSH` always ask a person first."""

    EVICT = "evict"
    FORCE = "force"
    MIGRATE = "migrate"
    RESTORE_DATABASE = "restore_database"
    FLUSH = "flush"


WORDS = {
    Remedy.EVICT: "evict the broken pods",
    Remedy.FORCE: "scale to zero and back",
    Remedy.MIGRATE: "run the reverse migration",
    Remedy.RESTORE_DATABASE: "restore the database into a new instance",
    Remedy.FLUSH: "flush the cache",
}
"""Each remedy in words, as the end of "may I …"."""

LIFT_SCHEMA = frozenset({Remedy.MIGRATE, Remedy.RESTORE_DATABASE})
"""Remedies after which the older code may meet the database again."""


class WhenStuck(StrEnum):
    """How far Backout goes when a rollback is stuck; force is asked for, never taken."""

    OFF = "off"
    EVICT = "evict"
    FORCE = "force"


@dataclass(frozen=True)
class CacheUse:
    """A service's cache: its name in the configuration, and the prefix of the service's keys (empty: all).

    With `after_rollback` it is flushed once a rollback is verified; with `restart` the pods are restarted
    after a flush.
    """

    name: str
    prefix: str = ""
    after_rollback: bool = False
    restart: bool = True


@dataclass(frozen=True)
class Remedies:
    """What may be done for a service. `job` is a CronJob ``namespace/name`` that holds the reverse migration.

    `database` is the identifier of its RDS instance. Seconds are how long each may take.
    """

    stuck: WhenStuck = WhenStuck.FORCE
    job: str = ""
    job_seconds: float = 600.0
    database: str = ""
    database_seconds: float = 3600.0
    cache: CacheUse | None = None

    @property
    def for_schema(self) -> tuple[Remedy, ...]:
        """Return what can be offered where the database does not fit the older code."""
        offered = ((Remedy.MIGRATE, self.job), (Remedy.RESTORE_DATABASE, self.database))
        return tuple(remedy for remedy, configured in offered if configured)


def question(remedy: Remedy) -> str:
    """Return the identity of the question whether to take a remedy."""
    return f"remedy:{remedy.value}"
