"""The engine: what advances responses and runs their tasks, with the registry of steps."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.bootstrap import filing
from shared.bootstrap.doors import Door
from shared.bootstrap.outsides import Outside
from shared.domain.response import Step
from shared.ports import Held

if TYPE_CHECKING:
    from shared.domain.remedies import Remedy
    from shared.domain.steps import RunbookStep
    from shared.engine.advancing import Advancer
    from shared.engine.applying import Applier
    from shared.engine.tasks import TaskRunner
    from shared.runbook.remedy import Cure


@dataclass(frozen=True)
class Engine:
    """What advances responses and runs their tasks."""

    door: Door
    outside: Outside

    @cached_property
    def steps(self) -> "Mapping[Step, RunbookStep]":
        """The registry of steps."""
        return _steps(self.outside, self.door)

    @cached_property
    def advancer(self) -> "Advancer":
        """Advances responses."""
        from shared.engine.advancing import Advancer
        from shared.engine.hands import Committer

        return Advancer(
            records=self.door.records,
            committer=Committer(self.door.records, self.door.owed),
            steps=self.steps,
            apply=self.applier.apply,
            clock=self.door.clock,
            owner=_owner,
            storm_per=self.door.settings.rails.storm_per,
            spans=self.door.spans,
        )

    @cached_property
    def applier(self) -> "Applier":
        """Makes changes, each by the port whose affair it is."""
        from shared.engine.applying import Applier

        outside = self.outside
        return Applier(
            workloads=outside.workloads,
            owners=outside.owners,
            repositories=outside.repositories,
            jobs=outside.jobs,
            databases=outside.databases,
            caches=outside.caches,
            flags=outside.flags,
        )

    @cached_property
    def tasks(self) -> "TaskRunner":
        """Runs tasks."""
        from shared.bootstrap import kinds
        from shared.engine.tasks import TaskRunner
        from shared.messages import digest
        from shared.tasks import fix, rule
        from shared.tasks.digest import Digest

        door, outside = self.door, self.outside
        return TaskRunner(
            door.records,
            kinds.of(outside, door),
            door.clock,
            lone={
                "digest": Digest(door.records, outside.channels, digest.compose),
                rule.KIND: rule.Rule(door.catalogue, door.gates.closing, outside.deployments),
                fix.KIND: fix.Fix(door.catalogue, door.gates.closing, outside.reviews, door.ungate),
            },
            given_up=filing.given_up(kinds.telling(door)),
            spans=door.spans,
        )

    def handle(self, response_id: str, held: Held | None = None) -> datetime | None:
        """Advance a response, then run its tasks that are due; return when it is due again."""
        due_at = self.advancer.advance(response_id, held)
        self.tasks.run_due(response_id)
        return due_at


def _owner() -> str:
    return f"{os.getpid()}:{uuid4().hex[:12]}"


def _steps(outside: Outside, door: Door) -> "Mapping[Step, RunbookStep]":
    from shared.runbook.approve import Approve
    from shared.runbook.assess import Assess
    from shared.runbook.hold import Hold
    from shared.runbook.remedy import TakeRemedy
    from shared.runbook.restore import Restore
    from shared.runbook.revert import Revert
    from shared.runbook.rollback import Rollback
    from shared.runbook.scale import Scale
    from shared.runbook.settle import Settle
    from shared.runbook.stabilise import Stabilise
    from shared.runbook.suspend import Suspend
    from shared.runbook.verify import Verify

    workloads, signals, health = outside.workloads, outside.signals, outside.health
    catalogue, rails = door.catalogue, door.settings.rails
    return {
        Step.ASSESS: Assess(workloads, outside.owners, signals, catalogue, rails),
        Step.APPROVE: Approve(workloads, signals, catalogue),
        Step.HOLD: Hold(workloads, signals, catalogue),
        Step.SUSPEND: Suspend(workloads, outside.owners, catalogue, rails),
        Step.SCALE: Scale(workloads, catalogue, rails),
        Step.SETTLE: Settle(workloads, signals, catalogue),
        Step.ROLLBACK: Rollback(workloads, catalogue, rails),
        Step.VERIFY: Verify(workloads, health, catalogue),
        Step.REMEDY: TakeRemedy(_cures(outside), catalogue, rails),
        Step.STABILISE: Stabilise(workloads, signals, health, catalogue),
        Step.RESTORE: Restore(workloads, catalogue, rails),
        Step.REVERT: Revert(outside.repositories, catalogue, rails),
    }


def _cures(outside: Outside) -> "Mapping[Remedy, Cure]":
    from shared.domain.remedies import Remedy
    from shared.runbook.cures.evict import Evict
    from shared.runbook.cures.flush import Flush
    from shared.runbook.cures.force import Force
    from shared.runbook.cures.migrate import Migrate
    from shared.runbook.cures.restore_database import RestoreInstance

    workloads = outside.workloads
    return {
        Remedy.EVICT: Evict(workloads),
        Remedy.FORCE: Force(workloads),
        Remedy.MIGRATE: Migrate(outside.jobs),
        Remedy.RESTORE_DATABASE: RestoreInstance(outside.databases, workloads),
        Remedy.FLUSH: Flush(workloads),
    }
