"""Query profiles: the PromQL that measures a workload, for four common ways to count its requests.

Each query gives one number without labels. It gives nothing where there are no series to measure; a share of
nothing is NaN; and no failure counted yet beside requests that are counted is 0, not nothing.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.domain.services import Service, SignalQuery
from shared.domain.signals import Signal
from shared.domain.workloads import KINDS, WorkloadRef
from shared.errors import ConfigurationError

TRAFFIC = "traffic"
"""The name of the query for requests a minute, beside those named for their signal."""

NO_PROFILE = "none"
"""The profile of a service that has only the queries of its own."""

_LONGEST_BASE = 58  # the API server cuts a generated name there before it appends five characters


@dataclass(frozen=True)
class _Requests:
    """How a profile counts requests.

    `selectors` names a workload by label matchers; where the labels depend on how the metrics are scraped
    there are several, of which a series fits one at most. `seconds` is the histogram's unit.
    """

    counter: str
    status_label: str
    histogram: str
    selectors: Callable[[WorkloadRef], tuple[str, ...]]
    seconds: float = 1.0


def profile_queries(profile: str, service: Service, window_seconds: float = 60.0) -> dict[str, SignalQuery]:
    """Return the profile's queries for the service, by signal name and ``traffic``.

    The service's `selector` (label matchers) replaces the profile's own for requests; memory and CPU always
    go by namespace and pod name, as cAdvisor and kube-state-metrics label them. None for a kind of workload
    that is not supported. Raises ConfigurationError for a profile that is not known.
    """
    if profile == NO_PROFILE or service.workload.kind not in KINDS:
        return {}
    if profile not in _PROFILES:
        known = ", ".join([*_PROFILES, NO_PROFILE])
        raise ConfigurationError(f"{profile!r} is not a query profile; there are {known}")
    window = f"{round(window_seconds * 1000)}ms" if window_seconds % 1 else f"{round(window_seconds)}s"
    requests = _PROFILES[profile]
    own = service.selector.strip().removeprefix("{").removesuffix("}").rstrip(", ")
    selectors = (own,) if own else requests.selectors(service.workload)
    texts = _request_queries(requests, selectors, window) | _resource_queries(service.workload, window)
    return {name: SignalQuery(text, window_seconds) for name, text in texts.items()}


def _request_queries(requests: _Requests, selectors: tuple[str, ...], window: str) -> dict[str, str]:
    def rates(metric: str, *matchers: str) -> str:
        return " or ".join(
            f"rate({metric}{{{','.join((selector, *matchers))}}}[{window}])" for selector in selectors
        )

    total = f"sum({rates(requests.counter)})"
    server_error = f'{requests.status_label}=~"5.."'
    failures = f"sum({rates(requests.counter, server_error)})"
    failed = f"({failures} or {total} * 0)"
    p95 = f"histogram_quantile(0.95, sum by (le) ({rates(requests.histogram + '_bucket')}))"
    return {
        TRAFFIC: f"{total} * 60",
        Signal.ERROR_RATE: f"{failed} / {total}",
        Signal.HTTP_5XX_PER_MINUTE: f"{failed} * 60",
        Signal.LATENCY_P95: p95 if requests.seconds == 1 else f"{p95} * {requests.seconds:g}",
    }


def _resource_queries(workload: WorkloadRef, window: str) -> dict[str, str]:
    pods = _by_pods(workload)
    containers = f'{pods},container!="",container!="POD"'
    memory = f"container_memory_working_set_bytes{{{containers}}}"
    cpu = f"rate(container_cpu_usage_seconds_total{{{containers}}}[{window}])"
    limits = f"kube_pod_container_resource_limits{{{pods},resource=%s}}"
    return {
        Signal.MEMORY_USAGE: _share(memory, limits % '"memory"'),
        Signal.CPU_USAGE: _share(cpu, limits % '"cpu"'),
    }


def _share(used: str, limit: str) -> str:
    """Divide what containers use by their limits, over those containers that have both.

    A container without a limit would look as if it ate the others'; an evicted pod, whose limit is listed
    for as long as its object exists, as if there were room.
    """
    both = "and on (namespace, pod, container)"
    return f"sum({used} {both} {limit}) / sum({limit} {both} {used})"


def _by_pods(workload: WorkloadRef) -> str:
    """Match the namespace and the names that the controllers give the workload's pods."""
    pods = _quoted(_pod_names(workload.kind, workload.name))
    return f"namespace={_quoted(workload.namespace)},pod=~{pods}"


def _pod_names(kind: str, name: str) -> str:
    """Return the regular expression of a workload's pod names, which PromQL anchors at both ends."""
    if kind == "statefulset":
        return f"{_literal(name)}-[0-9]+"
    base = f"{name}-"[:_LONGEST_BASE]
    if kind == "daemonset":
        return f"{_literal(base)}[a-z0-9]{{5}}"
    if len(f"{name}-0123456789-") > _LONGEST_BASE:
        return f"{_literal(base)}[a-z0-9]*-?[a-z0-9]{{5}}"
    return f"{_literal(base)}[a-z0-9]+-[a-z0-9]{{5}}"


def _literal(text: str) -> str:
    """Escape what a regular expression (RE2) would read as more than a character."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def _quoted(text: str) -> str:
    """Write a PromQL string; its escapes are Go's, of which JSON's are a part."""
    return json.dumps(text, ensure_ascii=False)


def _http_requests(workload: WorkloadRef) -> tuple[str, ...]:
    return (_by_pods(workload),)


def _istio(workload: WorkloadRef) -> tuple[str, ...]:
    """Count each request once, where it arrives: the sender's proxy reports it too."""
    namespace, name = _quoted(workload.namespace), _quoted(workload.name)
    by_workload = f"destination_workload_namespace={namespace},destination_workload={name}"
    return (f'reporter="destination",{by_workload}',)


def _nginx(workload: WorkloadRef) -> tuple[str, ...]:
    """Match the Service of the workload's name.

    ingress-nginx labels a series with the backend's `namespace` and `service`. A scrape that sets such
    labels itself, to where the controller runs, renames them to `exported_…`, unless labels are honoured.
    """
    namespace, name = _quoted(workload.namespace), _quoted(workload.name)
    return (
        f"exported_namespace={namespace},exported_service={name}",
        f'exported_namespace={namespace},exported_service="",service={name}',
        f'exported_namespace="",namespace={namespace},exported_service="",service={name}',
    )


def _otel(workload: WorkloadRef) -> tuple[str, ...]:
    """Match the kind's own attribute; there is none for Argo Rollouts, whose pods are matched by name."""
    namespace, name = _quoted(workload.namespace), _quoted(workload.name)
    if workload.kind == "rollout":
        pods = _quoted(_pod_names(workload.kind, workload.name))
        return (f"k8s_namespace_name={namespace},k8s_pod_name=~{pods}",)
    return (f"k8s_namespace_name={namespace},k8s_{workload.kind}_name={name}",)


_PROFILES: Mapping[str, _Requests] = {
    "http_requests": _Requests(
        "http_requests_total", "code", "http_request_duration_seconds", _http_requests
    ),
    "istio": _Requests(
        "istio_requests_total", "response_code", "istio_request_duration_milliseconds", _istio, 0.001
    ),
    "nginx": _Requests(
        "nginx_ingress_controller_requests",
        "status",
        "nginx_ingress_controller_request_duration_seconds",
        _nginx,
    ),
    "otel": _Requests(
        "http_server_request_duration_seconds_count",
        "http_response_status_code",
        "http_server_request_duration_seconds",
        _otel,
    ),
}

PROFILES = (*_PROFILES, NO_PROFILE)
"""The names of the profiles."""
