"""Jobs, databases and caches in memory, by their ports' rules."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.domain.changes import Applied, FlushCache, RestoreDatabase, RunJob
from shared.domain.reasons import Reason
from shared.errors import BackoutError, PermanentError
from shared.ports import DatabaseRestore, JobPhase, JobRun


@dataclass
class FakeJobs:
    """Jobs by name; `ends` is how one that was started stands, `templates` those that there are."""

    templates: set[str] = field(default_factory=lambda: {"production/migrate-down"})
    ends: JobRun = JobRun(JobPhase.SUCCEEDED, log="down to 41")  # noqa: RUF009 frozen
    started: list[RunJob] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def apply(self, change: RunJob) -> Applied:
        if self.errors:
            raise self.errors.pop(0)
        if change.template not in self.templates:
            raise PermanentError(f"the cluster has no CronJob {change.template}", reason=Reason.NOT_FOUND)
        if any(started.name == change.name for started in self.started):
            return Applied.ALREADY
        self.started.append(change)
        return Applied.CHANGED

    def look(self, namespace: str, name: str) -> JobRun | None:
        return self.ends if any(started.name == name for started in self.started) else None


@dataclass
class FakeDatabases:
    """Instances by name; `stands` is how one that was asked for stands."""

    stands: DatabaseRestore = DatabaseRestore("available", available=True, endpoint="new.example:5432")  # noqa: RUF009
    restored: list[RestoreDatabase] = field(default_factory=list)
    latest_at: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def latest(self, instance: str) -> datetime:
        return self.latest_at

    def apply(self, change: RestoreDatabase) -> Applied:
        if any(known.to_instance == change.to_instance for known in self.restored):
            return Applied.ALREADY
        self.restored.append(change)
        return Applied.CHANGED

    def look(self, instance: str) -> DatabaseRestore | None:
        return self.stands if any(known.to_instance == instance for known in self.restored) else None


@dataclass
class FakeCaches:
    """Remembers which responses flushed what."""

    flushed: list[FlushCache] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def apply(self, change: FlushCache) -> Applied:
        if self.errors:
            raise self.errors.pop(0)
        if change in self.flushed:
            return Applied.ALREADY
        self.flushed.append(change)
        return Applied.CHANGED
