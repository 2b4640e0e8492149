"""The port `Jobs` on a Kubernetes cluster: each is made from a CronJob's template, as by hand."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.kubernetes import pods, resources, wire
from shared.adapters.kubernetes.connection import Answer, Budget, Connection
from shared.domain.changes import MARKER, Applied, RunJob
from shared.domain.reasons import Reason
from shared.errors import BackoutError, PermanentError
from shared.ports import JobPhase, JobRun

CONFLICT = 409
LONGEST_NAME = 63
"""A Job's name becomes a label of its pods."""
KEPT_SECONDS = 24 * 3600
"""How long a Job stays at least: one that is gone could not be told from one that never was."""
LOG_LINES = 50
LOG_BYTES = 4096
LONGEST_LOG = 16 * LOG_BYTES
MANUAL: Mapping[str, str] = {"cronjob.kubernetes.io/instantiate": "manual"}


class KubernetesJobs:
    """Runs Jobs from CronJobs, suspended or not, over the connection of `KubernetesWorkloads`.

    A call, all its requests together, ends within `timeout_seconds`. Fit for use by many threads.
    """

    def __init__(self, connection: Connection, *, timeout_seconds: float = 10.0) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    def apply(self, change: RunJob) -> Applied:
        """Start the Job once; one that carries the response's id is `ALREADY`.

        Raises PermanentError for a template that is missing (`NOT_FOUND`), a name that no Job can have and
        one that another's Job has; TemporaryError when it is not known what came of it.
        """
        namespace, _, template = change.template.partition("/")
        if not (resources.is_name(namespace) and resources.is_name(template)):
            raise PermanentError(f"{change.template!r} names no CronJob: it is not namespace/name")
        if not _can_exist(namespace, change.name):
            raise PermanentError(
                f"{change.name!r} is no name for a Job: at most {LONGEST_NAME} of a-z, 0-9, -"
            )
        budget = Budget(self._timeout_seconds)
        found = self._connection.start(resources.get(resources.CRON_JOBS, namespace, template), budget)
        before = self._job(namespace, change.name, budget)
        if before is not None:
            return _same(before, change)
        answer = found.answer()
        if answer.missing:
            text = f"there is no CronJob {change.template} in the cluster to make the Job from: create it"
            raise PermanentError(text, reason=Reason.NOT_FOUND)
        body = _body(answer.read(wire.CronJob).spec.job_template, change)
        request = resources.create(resources.JOBS, namespace, change.name, body=body)
        made = self._connection.send(request, budget)
        if made.status != CONFLICT:
            made.read(wire.Job)
            return Applied.CHANGED
        now = self._job(namespace, change.name, budget)
        if now is None:
            raise made.refusal()
        return _same(now, change)

    def look(self, namespace: str, name: str) -> JobRun | None:
        """Return how the Job stands, with the tail of its newest pod's log; None when there is none such."""
        budget = Budget(self._timeout_seconds)
        job = self._job(namespace, name, budget) if _can_exist(namespace, name) else None
        if job is None:
            return None
        phase, detail = _standing(job)
        waiting, log = self._told(namespace, job, budget)
        return JobRun(phase, detail or (waiting if phase is JobPhase.RUNNING else ""), log)

    def _job(self, namespace: str, name: str, budget: Budget) -> wire.Job | None:
        answer = self._connection.send(resources.get(resources.JOBS, namespace, name), budget)
        return None if answer.missing else answer.read(wire.Job)

    def _told(self, namespace: str, job: wire.Job, budget: Budget) -> tuple[str, str]:
        """Return what the Job's newest pod waits for and the tail of its log; nothing of one not started.

        Both are for people, beside how the Job stands: what keeps them from being read is no error.
        """
        try:
            listing = resources.list_of(resources.PODS, namespace, job.spec.selector)
            listed = self._connection.send(listing, budget).read(wire.Items[wire.Pod]).items or []
            own = [pod for pod in listed if pod.metadata.is_of(job.metadata.uid)]
            if not own:
                return "", ""
            newest = max(own, key=lambda pod: (pod.metadata.created_at, pod.metadata.name))
            answer = self._connection.send(_log_of(namespace, newest), budget)
        except BackoutError:
            return "", ""
        waiting = pods.unschedulable(newest.status) or pods.waiting(newest.status)
        return waiting, _tail(answer) if answer.status == 200 else ""


def _can_exist(namespace: str, name: str) -> bool:
    return resources.is_name(namespace) and resources.is_name(name) and len(name) <= LONGEST_NAME


def _same(job: wire.Job, change: RunJob) -> Applied:
    """Return that the Job of that name is the response's. Raises PermanentError for another's."""
    if job.metadata.annotations.get(MARKER) == change.response_id:
        return Applied.ALREADY
    raise PermanentError(f"there is a Job {change.name} already, and it is not of this response: delete it")


def _body(template: wire.JobTemplate, change: RunJob) -> dict[str, Any]:
    """Return the Job of a template. It is kept long enough to be looked at, whatever the template says.

    The CronJob is not made its owner: it would take the Job along when it is deleted.
    """
    spec = dict(template.spec)
    if spec.get("ttlSecondsAfterFinished") is not None:
        spec["ttlSecondsAfterFinished"] = max(spec["ttlSecondsAfterFinished"], KEPT_SECONDS)
    metadata = {
        "name": change.name,
        "labels": template.metadata.labels,
        "annotations": {**template.metadata.annotations, **MANUAL, MARKER: change.response_id},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _standing(job: wire.Job) -> tuple[JobPhase, str]:
    """Return how far a Job is, and why it failed or does not get on."""
    told = {
        c.type: pods.words(f"{c.reason}: {c.message}") for c in job.status.conditions if c.status == "True"
    }
    if "Complete" in told:
        return JobPhase.SUCCEEDED, ""
    if "Failed" in told:
        return JobPhase.FAILED, told["Failed"]
    return JobPhase.RUNNING, told.get("Suspended", "")


def _log_of(namespace: str, pod: wire.Pod) -> resources.Request:
    container = next((c.name for c in pod.spec.containers), "")
    asked = {"container": container, "tailLines": str(LOG_LINES), "limitBytes": str(LONGEST_LOG)}
    return resources.get(resources.PODS, namespace, pod.metadata.name, subresource="log", asked=asked)


def _tail(answer: Answer) -> str:
    """Return the end of a log: the API cuts what is too long at its other end."""
    return answer.body[-LOG_BYTES:].decode(errors="replace")
