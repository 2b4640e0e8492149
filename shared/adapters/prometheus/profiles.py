"""Query profiles: the PromQL that measures a workload, for four common ways to count its requests.

Each query gives one number, without labels, or one for each Deployment where many are asked about. It gives
nothing where there are no series to measure; a share of nothing is NaN; and no failure counted yet beside
requests that are counted is 0, not nothing.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from shared.domain.services import Service, SignalQuery
from shared.domain.signals import Signal
from shared.domain.workloads import KINDS
from shared.errors import ConfigurationError

TRAFFIC = "traffic"
"""The name of the query for requests a minute, beside those named for their signal."""

NO_PROFILE = "none"
"""The profile of a service that has only the queries of its own."""

WHERE = ("namespace", "deployment")
"""The labels of a Deployment's numbers where those of many are asked for together."""

_ANY_POD = "(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
"""Matches a Deployment's pods and finds its name: generated parts have no vowels and no 0, 1 and 3."""

_LONGEST_BASE = 58  # the API server cuts a generated name there before it appends five characters


@dataclass(frozen=True)
class _Scope:
    """The workloads that are asked about. Each field but the kind is a matcher's end, like ``="checkout"``.

    Without `grouped` they are one; with it the numbers of each come with its labels, `WHERE`.
    """

    namespace: str
    name: str
    pod: str
    kind: str = "deployment"
    grouped: bool = False

    @property
    def by(self) -> str:
        """What keeps the workloads apart in an aggregation."""
        return f" by ({', '.join(WHERE)}) " if self.grouped else ""


@dataclass(frozen=True)
class _Series:
    """Series of the workloads: label matchers, and where their `WHERE` is found: (label, source, pattern)."""

    matchers: str
    found: tuple[tuple[str, str, str], ...] = ()

    def placed(self, series: str, scope: _Scope) -> str:
        """Give the series the labels of their workloads, where there are several."""
        for label, source, pattern in self.found if scope.grouped else ():
            series = f'label_replace({series}, "{label}", "$1", "{source}", "{pattern}")'
        return series


@dataclass(frozen=True)
class _Requests:
    """How a profile counts requests.

    `series` finds a workload's by label matchers; where the labels depend on how the metrics are scraped
    there are several, of which a series fits one at most. `seconds` is the histogram's unit.
    """

    counter: str
    status_label: str
    histogram: str
    series: Callable[[_Scope], tuple[_Series, ...]]
    seconds: float = 1.0


def profile_queries(profile: str, service: Service, window_seconds: float = 60.0) -> dict[str, SignalQuery]:
    """Return the profile's queries for the service, by signal name and ``traffic``.

    The service's `selector` (label matchers) replaces the profile's own for requests; memory and CPU always
    go by namespace and pod name, as cAdvisor and kube-state-metrics label them. None for a kind of workload
    that is not supported. Raises ConfigurationError for a profile that is not known.
    """
    if profile == NO_PROFILE or service.workload.kind not in KINDS:
        return {}
    ref = service.workload
    pods = f"=~{_quoted(_pod_names(ref.kind, ref.name))}"
    scope = _Scope(f"={_quoted(ref.namespace)}", f"={_quoted(ref.name)}", pods, ref.kind)
    own = service.selector.strip().removeprefix("{").removesuffix("}").rstrip(", ")
    return _queries(profile, scope, window_seconds, (_Series(own),) if own else ())


def fleet_queries(
    profile: str, namespaces: Collection[str] = (), window_seconds: float = 60.0
) -> dict[str, SignalQuery]:
    """Return the profile's queries for every Deployment of the namespaces, or of all where none is named.

    Raises ConfigurationError for a profile that is not known.
    """
    if profile == NO_PROFILE:
        return {}
    within = f"=~{_quoted('|'.join(map(_literal, sorted(namespaces))))}" if namespaces else '!=""'
    scope = _Scope(within, '!=""', f'=~"{_ANY_POD}"', grouped=True)
    return _queries(profile, scope, window_seconds)


def _queries(
    profile: str, scope: _Scope, window_seconds: float, own: tuple[_Series, ...] = ()
) -> dict[str, SignalQuery]:
    if profile not in _PROFILES:
        known = ", ".join([*_PROFILES, NO_PROFILE])
        raise ConfigurationError(f"{profile!r} is not a query profile; there are {known}")
    window = f"{round(window_seconds * 1000)}ms" if window_seconds % 1 else f"{round(window_seconds)}s"
    texts = _request_queries(_PROFILES[profile], scope, window, own) | _resource_queries(scope, window)
    return {name: SignalQuery(text, window_seconds) for name, text in texts.items()}


def _request_queries(
    requests: _Requests, scope: _Scope, window: str, own: tuple[_Series, ...]
) -> dict[str, str]:
    def rates(metric: str, *matchers: str) -> str:
        return " or ".join(
            series.placed(f"rate({metric}{{{','.join((series.matchers, *matchers))}}}[{window}])", scope)
            for series in own or requests.series(scope)
        )

    total = f"sum{scope.by}({rates(requests.counter)})"
    server_error = f'{requests.status_label}=~"5.."'
    failures = f"sum{scope.by}({rates(requests.counter, server_error)})"
    failed = f"({failures} or {total} * 0)"
    by = ", ".join(("le", *WHERE)) if scope.grouped else "le"
    p95 = f"histogram_quantile(0.95, sum by ({by}) ({rates(requests.histogram + '_bucket')}))"
    return {
        TRAFFIC: f"{total} * 60",
        Signal.ERROR_RATE: f"{failed} / {total}",
        Signal.HTTP_5XX_PER_MINUTE: f"{failed} * 60",
        Signal.LATENCY_P95: p95 if requests.seconds == 1 else f"{p95} * {requests.seconds:g}",
    }


def _resource_queries(scope: _Scope, window: str) -> dict[str, str]:
    [pods] = _http_requests(scope)
    containers = f'{pods.matchers},container!="",container!="POD"'
    memory = f"container_memory_working_set_bytes{{{containers}}}"
    cpu = f"rate(container_cpu_usage_seconds_total{{{containers}}}[{window}])"
    limits = f"kube_pod_container_resource_limits{{{pods.matchers},resource=%s}}"

    def share(used: str, limit: str) -> str:
        """Divide what containers use by their limits, over those containers that have both.

        A container without a limit would look as if it ate the others'; an evicted pod, whose limit is listed
        for as long as its object exists, as if there were room.
        """
        both = "and on (namespace, pod, container)"
        parts = (
            f"sum{scope.by}({pods.placed(f'{a} {both} {b}', scope)})"
            for a, b in ((used, limit), (limit, used))
        )
        return " / ".join(parts)

    return {
        Signal.MEMORY_USAGE: share(memory, limits % '"memory"'),
        Signal.CPU_USAGE: share(cpu, limits % '"cpu"'),
    }


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


_BY_POD = (("deployment", "pod", _ANY_POD),)


def _http_requests(scope: _Scope) -> tuple[_Series, ...]:
    """Match the namespace and the names that the controllers give the workload's pods."""
    return (_Series(f"namespace{scope.namespace},pod{scope.pod}", _BY_POD),)


def _istio(scope: _Scope) -> tuple[_Series, ...]:
    """Count each request once, where it arrives: the sender's proxy reports it too."""
    namespace, name = "destination_workload_namespace", "destination_workload"
    matchers = f'reporter="destination",{namespace}{scope.namespace},{name}{scope.name}'
    return (_Series(matchers, _named(namespace, name)),)


def _nginx(scope: _Scope) -> tuple[_Series, ...]:
    """Match the Service of the workload's name.

    ingress-nginx labels a series with the backend's `namespace` and `service`. A scrape that sets such
    labels itself, to where the controller runs, renames them to `exported_…`, unless labels are honoured.
    """
    namespace, name = scope.namespace, scope.name
    renamed, unnamed = "exported_namespace", 'exported_service="",service'
    return (
        _Series(f"{renamed}{namespace},exported_service{name}", _named(renamed, "exported_service")),
        _Series(f"{renamed}{namespace},{unnamed}{name}", _named(renamed, "service")),
        _Series(f'{renamed}="",namespace{namespace},{unnamed}{name}', _named("namespace", "service")),
    )


def _otel(scope: _Scope) -> tuple[_Series, ...]:
    """Match the kind's own attribute; there is none for Argo Rollouts, whose pods are matched by name."""
    namespace, name = "k8s_namespace_name", f"k8s_{scope.kind}_name"
    if scope.kind == "rollout":
        return (_Series(f"{namespace}{scope.namespace},k8s_pod_name{scope.pod}"),)
    return (_Series(f"{namespace}{scope.namespace},{name}{scope.name}", _named(namespace, name)),)


def _named(namespace: str, name: str) -> tuple[tuple[str, str, str], ...]:
    """Find a workload by labels that hold its namespace and its name."""
    return (("namespace", namespace, "(.+)"), ("deployment", name, "(.+)"))


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
