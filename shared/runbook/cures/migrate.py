"""Migrate: run the reverse migration as a Job from the configured template, and watch it to its end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.changes import Change, RunJob
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Step
from shared.domain.services import Service
from shared.domain.steps import Intend, Made, Result, Stop, Wait
from shared.ports import JobPhase, Jobs
from shared.runbook import remedy

LOOK_AGAIN = timedelta(seconds=5)
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Migrate:
    """After it everything is assessed again: the older code may meet the database now."""

    jobs: Jobs

    def budget(self, service: Service) -> float:
        """Return how long the migration may take, as configured."""
        return service.remedies.job_seconds

    def run(self, response: Response, service: Service, now: datetime) -> Result:
        """Intend the Job; once it runs, wait for its end, whose log's tail goes into the history."""
        template, name = service.remedies.job, job_name(response)
        run = self.jobs.look(template.partition("/")[0], name)
        if run is None:
            change = RunJob(workload=response.workload, response_id=response.id, template=template, name=name)
            return Intend(response, change, {"template": template, "job": name})
        facts = {"job": name, "log": run.log, "detail": run.detail}
        if run.phase is JobPhase.SUCCEEDED:
            return remedy.finished(response, "migrated", facts, to=Step.ASSESS)
        late = now - response.step_started_at >= timedelta(seconds=self.budget(service))
        if run.phase is JobPhase.FAILED or late:
            detail = run.detail or ("it did not end in time" if late else "it failed")
            return Stop(response, Outcome.FAILED, Reason.REMEDY_FAILED, f"Job {name}: {detail}", facts)
        return Wait(response, now + LOOK_AGAIN)

    def made(self, response: Response, change: Change, now: datetime) -> Made:
        return Made(response, "migration_started", {"job": job_name(response)}, to=Step.REMEDY)


def job_name(response: Response) -> str:
    """Return the Job's name: the same for the same response, and one that a Job can have."""
    return f"backout-{response.id}".lower()[:_LONGEST_NAME].rstrip("-.")
