"""Fill in what the API server fills in, so that two ways of writing one template compare equal.

The values are those of the built-in types' defaulting in apps/v1, batch/v1, core/v1 and autoscaling/v2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.cluster.objects import Object, clone, containers_of
from sandbox.cluster.resources import CONTROLLERREVISIONS, Resource

REVISION_HISTORY_LIMIT = 10
PROGRESS_DEADLINE_SECONDS = 600
BACKOFF_LIMIT = 6
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def filled(resource: Resource, obj: Object) -> Object:
    """Return a copy of the object with its defaults; custom resources and raw revisions stay as they are."""
    verbatim = resource.custom or resource is CONTROLLERREVISIONS
    copy: Object = clone(obj) if verbatim else without_nulls(obj)
    _tidy_metadata(copy["metadata"])
    filler = None if resource.custom else _FILLERS.get(resource.kind)
    if filler is not None:
        filler(copy.setdefault("spec", {}))
    return copy


def without_nulls(value: Any) -> Any:
    """Drop null fields: typed decoding does not tell them from absent ones."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _tidy_metadata(metadata: Object) -> None:
    for field in ("labels", "annotations", "finalizers", "ownerReferences"):
        if field in metadata and not metadata[field]:
            del metadata[field]


def _fill_template(template: Object) -> None:
    metadata = template.setdefault("metadata", {})
    _tidy_metadata(metadata)
    # Typed encoders write an unset creationTimestamp as null, and kubectl compares templates byte by byte.
    metadata["creationTimestamp"] = None
    _fill_pod(template.setdefault("spec", {}))


def _fill_pod(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("securityContext", {})
    for container in containers_of({"spec": spec}):
        _fill_container(container)
    for volume in spec.get("volumes") or []:
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)


def _fill_container(container: Object) -> None:
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    container.setdefault("imagePullPolicy", "Always" if latest and "@" not in image else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for name in PROBES:
        if name in container:
            _fill_probe(container[name])


def _fill_probe(probe: Object) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _fill_deployment(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", REVISION_HISTORY_LIMIT)
    spec.setdefault("progressDeadlineSeconds", PROGRESS_DEADLINE_SECONDS)
    if spec.get("paused") is False:
        del spec["paused"]
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    _fill_template(spec.setdefault("template", {}))


def _fill_replica_set(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    _fill_template(spec.setdefault("template", {}))


def _fill_stateful_set(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", REVISION_HISTORY_LIMIT)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    _fill_template(spec.setdefault("template", {}))


def _fill_daemon_set(spec: Object) -> None:
    spec.setdefault("revisionHistoryLimit", REVISION_HISTORY_LIMIT)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    _fill_template(spec.setdefault("template", {}))


def _fill_job(spec: Object) -> None:
    spec.setdefault("parallelism", 1)
    spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", BACKOFF_LIMIT)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    _fill_template(spec.setdefault("template", {}))


def _fill_cron_job(spec: Object) -> None:
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job = spec.setdefault("jobTemplate", {})
    job.setdefault("metadata", {})["creationTimestamp"] = None
    _fill_template(job.setdefault("spec", {}).setdefault("template", {}))


def _fill_autoscaler(spec: Object) -> None:
    spec.setdefault("minReplicas", 1)


def _fill_service(spec: Object) -> None:
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


_FILLERS: dict[str, Callable[[Object], None]] = {
    "Deployment": _fill_deployment,
    "ReplicaSet": _fill_replica_set,
    "StatefulSet": _fill_stateful_set,
    "DaemonSet": _fill_daemon_set,
    "Job": _fill_job,
    "CronJob": _fill_cron_job,
    "HorizontalPodAutoscaler": _fill_autoscaler,
    "Pod": _fill_pod,
    "Service": _fill_service,
}
