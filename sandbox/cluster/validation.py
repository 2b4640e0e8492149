"""Refuse what the API server refuses: 422 Invalid, naming the field."""

from __future__ import annotations

import re

from sandbox.cluster.errors import invalid
from sandbox.cluster.objects import Object, containers_of, name_of
from sandbox.cluster.resources import Resource
from sandbox.cluster.selectors import selects

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]*[a-z0-9])?")
_PERCENT = re.compile(r"[0-9]+%")
LONGEST_JOB_NAME = 63
WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
JOBS = ("Job", "CronJob")
STATEFUL_SET_MUTABLE = frozenset({
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
})  # fmt: skip


def check(resource: Resource, obj: Object, before: Object | None) -> None:
    """Check a whole object with its defaults filled in; `before` is None for a new one."""
    name = name_of(obj)
    if before is None and not _NAME.fullmatch(name):
        raise invalid(resource, name, "metadata.name", f'Invalid value: "{name}": not a valid DNS subdomain')
    if resource.custom or resource.kind not in (*WORKLOADS, *JOBS, "Pod", "HorizontalPodAutoscaler"):
        return
    spec = obj["spec"]
    if resource.kind == "Job":
        _check_job(resource, name, spec, "spec")
    elif resource.kind == "CronJob":
        _check_job(resource, name, spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")
    elif resource.kind == "HorizontalPodAutoscaler":
        _check_autoscaler(resource, name, spec)
    elif resource.kind == "Pod":
        _check_containers(resource, name, obj, "spec")
    else:
        _check_workload(resource, name, spec, (before or {}).get("spec"))


def _check_workload(resource: Resource, name: str, spec: Object, before: Object | None) -> None:
    if not spec.get("selector"):
        raise invalid(resource, name, "spec.selector", "Required value")
    labels = spec["template"]["metadata"].get("labels") or {}
    if not selects(spec["selector"], labels):
        why = f"Invalid value: {labels}: `selector` does not match template `labels`"
        raise invalid(resource, name, "spec.template.metadata.labels", why)
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        value = spec.get(field, 0)
        if not isinstance(value, int) or value < 0:
            why = f"Invalid value: {value}: must be greater than or equal to 0"
            raise invalid(resource, name, f"spec.{field}", why)
    _check_containers(resource, name, spec["template"], "spec.template.spec")
    _check_rolling(resource, name, spec)
    if before is not None:
        _check_unchanged(resource, name, spec, before)


def _check_job(resource: Resource, name: str, spec: Object, path: str) -> None:
    _check_containers(resource, name, spec["template"], f"{path}.template.spec")
    if spec["template"]["spec"]["restartPolicy"] not in ("OnFailure", "Never"):
        why = 'Required value: valid values: "OnFailure", "Never"'
        raise invalid(resource, name, f"{path}.template.spec.restartPolicy", why)
    if len(name) > LONGEST_JOB_NAME:
        why = f'Invalid value: "{name}": must be no more than {LONGEST_JOB_NAME} characters'
        raise invalid(resource, name, "metadata.name", why)


def _check_containers(resource: Resource, name: str, template: Object, path: str) -> None:
    if not template["spec"].get("containers"):
        raise invalid(resource, name, f"{path}.containers", "Required value")
    seen = set()
    for place, container in enumerate(containers_of(template)):
        for field in ("name", "image"):
            if not container.get(field):
                raise invalid(resource, name, f"{path}.containers[{place}].{field}", "Required value")
        if container["name"] in seen:
            why = f'Duplicate value: "{container["name"]}"'
            raise invalid(resource, name, f"{path}.containers[{place}].name", why)
        seen.add(container["name"])


def _check_rolling(resource: Resource, name: str, spec: Object) -> None:
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    if rolling and strategy.get("type") != "RollingUpdate":
        why = f"Forbidden: may not be specified when strategy `type` is '{strategy.get('type')}'"
        raise invalid(resource, name, "spec.strategy.rollingUpdate", why)
    for field in ("maxSurge", "maxUnavailable"):
        value = rolling.get(field, 0)
        if not (isinstance(value, int) and value >= 0) and not _PERCENT.fullmatch(str(value)):
            why = f"Invalid value: {value!r}: must be an integer or percentage (e.g '5%')"
            raise invalid(resource, name, f"spec.strategy.rollingUpdate.{field}", why)
    zero = (0, "0%")
    if {"maxSurge", "maxUnavailable"} <= rolling.keys() and all(
        rolling[field] in zero for field in ("maxSurge", "maxUnavailable")
    ):
        why = "Invalid value: 0: may not be 0 when `maxSurge` is 0"
        raise invalid(resource, name, "spec.strategy.rollingUpdate.maxUnavailable", why)


def _check_unchanged(resource: Resource, name: str, spec: Object, before: Object) -> None:
    if resource.kind == "StatefulSet":
        fields = (spec.keys() | before.keys()) - STATEFUL_SET_MUTABLE
        if any(spec.get(field) != before.get(field) for field in fields):
            why = (
                f"Forbidden: updates to statefulset spec for fields other than {sorted(STATEFUL_SET_MUTABLE)}"
            )
            raise invalid(resource, name, "spec", f"{why} are forbidden")
    elif spec["selector"] != before["selector"]:
        raise invalid(
            resource, name, "spec.selector", f"Invalid value: {spec['selector']}: field is immutable"
        )


def _check_autoscaler(resource: Resource, name: str, spec: Object) -> None:
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if not spec.get("scaleTargetRef"):
        raise invalid(resource, name, "spec.scaleTargetRef", "Required value")
    if not isinstance(most, int) or most < 1:
        raise invalid(resource, name, "spec.maxReplicas", f"Invalid value: {most}: must be greater than 0")
    if not isinstance(least, int) or least < 0:
        why = f"Invalid value: {least}: must be greater than or equal to 0"
        raise invalid(resource, name, "spec.minReplicas", why)
    if most < least:
        why = f"Invalid value: {most}: must be greater than or equal to `minReplicas`"
        raise invalid(resource, name, "spec.maxReplicas", why)
