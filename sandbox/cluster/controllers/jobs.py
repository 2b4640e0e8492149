"""Run Jobs: the job controller, without its pauses between one failed pod and the next.

Nothing starts Jobs by a CronJob's schedule.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.cluster.controllers.ownership import active_pods_of, own_or_owner_key, pod_from, pods_of
from sandbox.cluster.controllers.recorder import Recorder
from sandbox.cluster.objects import (
    Object,
    clone,
    condition_of,
    is_deleting,
    is_ready,
    name_of,
    namespace_of,
    seconds_since,
    timestamp,
)
from sandbox.cluster.registry import Registry
from sandbox.cluster.resources import JOBS, PODS
from sandbox.cluster.storage import Change, Key


class Jobs:
    """Make pods until enough of them have succeeded, too many have failed, or the deadline is over."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._recorder = Recorder(registry, "job-controller")

    def keys(self, change: Change) -> Iterable[Key]:
        key = own_or_owner_key(change, JOBS)
        if key is not None:
            yield key

    def reconcile(self, key: Key) -> float | None:
        job = self._registry.storage.find(JOBS, *key)
        if job is None or is_deleting(job) or _is_over(job):
            return None
        status = clone(job["status"])
        if job["spec"]["suspend"]:
            self._end_pods(job)
            _put(status, "Suspended", "JobSuspended", "Job suspended")
            self._write(job, status)
            return None
        status.setdefault("startTime", timestamp())
        left = _seconds_left(job["spec"], status)
        status |= self._counts(job)
        end = _end_of(job["spec"], status, restarts=self._restarts(job), late=left is not None and left <= 0)
        if end is None:
            self._fit(job, status)
            self._write(job, status | self._counts(job))
            return left
        self._finish(job, status, *end)
        return None

    def _counts(self, job: Object) -> Object:
        phases = [pod["status"].get("phase") for pod in pods_of(self._registry, job)]
        active = active_pods_of(self._registry, job)
        return {
            "active": len(active), "ready": sum(map(is_ready, active)),
            "succeeded": phases.count("Succeeded"), "failed": phases.count("Failed"),
        }  # fmt: skip

    def _restarts(self, job: Object) -> int:
        """Count the restarts of containers, which are failures where the pods restart them themselves."""
        statuses = (pod["status"].get("containerStatuses") or [] for pod in pods_of(self._registry, job))
        return sum(one["restartCount"] for of_pod in statuses for one in of_pod)

    def _fit(self, job: Object, status: Object) -> None:
        spec = job["spec"]
        wanted = min(spec["parallelism"], spec["completions"] - status["succeeded"])
        for _ in range(wanted - status["active"]):
            created = self._registry.create(PODS, namespace_of(job), pod_from(spec["template"], job))
            self._recorder.record(job, "SuccessfulCreate", f"Created pod: {name_of(created)}")

    def _finish(self, job: Object, status: Object, kind: str, reason: str, message: str) -> None:
        self._end_pods(job)
        _put(status, kind, reason, message)
        if kind == "Complete":
            status["completionTime"] = timestamp()
            self._recorder.record(job, "Completed", "Job completed")
        else:
            self._recorder.record(job, reason, message, "Warning")
        self._write(job, status | self._counts(job))

    def _end_pods(self, job: Object) -> None:
        for pod in active_pods_of(self._registry, job):
            self._registry.delete(PODS, pod)
            self._recorder.record(job, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")

    def _write(self, job: Object, status: Object) -> None:
        kept = {name: value for name, value in status.items() if value or name == "ready"}
        self._registry.update(JOBS, job, job | {"status": kept}, subresource="status")


def _is_over(job: Object) -> bool:
    found = (condition_of(job, kind) for kind in ("Complete", "Failed"))
    return any(condition is not None and condition["status"] == "True" for condition in found)


def _seconds_left(spec: Object, status: Object) -> float | None:
    """Return the seconds until the Job's deadline, None where it has none."""
    deadline = spec.get("activeDeadlineSeconds")
    return None if deadline is None else float(deadline) - seconds_since(status["startTime"])


def _end_of(spec: Object, status: Object, *, restarts: int, late: bool) -> tuple[str, str, str] | None:
    """Return the condition that ends a Job, with its reason and words; None while it goes on."""
    limit = spec["backoffLimit"]
    if spec["template"]["spec"]["restartPolicy"] == "OnFailure":
        worn_out = restarts > 0 if limit == 0 else restarts >= limit
    else:
        worn_out = status["failed"] > limit
    if worn_out:
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    if late:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    if status["succeeded"] >= spec["completions"]:
        return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    return None


def _put(status: Object, kind: str, reason: str, message: str) -> None:
    now = timestamp()
    new = {"type": kind, "status": "True", "reason": reason, "message": message}
    others = [one for one in status.get("conditions") or [] if one["type"] != kind]
    status["conditions"] = [*others, new | {"lastProbeTime": now, "lastTransitionTime": now}]
