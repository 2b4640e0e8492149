"""The profiles' queries: they parse, and a real Prometheus computes from them what they promise."""

import dataclasses
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import prometheus_client
import pytest

from sandbox.prometheus.parsing import parse
from shared.adapters.http_client import HttpClient
from shared.adapters.prometheus import PrometheusSignals
from shared.adapters.prometheus.profiles import PROFILES, TRAFFIC, profile_queries
from shared.adapters.prometheus.querying import QueryApi
from shared.domain.services import QUERYABLE, Service, SignalQuery
from shared.domain.signals import Kind, Reading, Signal
from shared.domain.workloads import KINDS, WorkloadRef
from shared.errors import ConfigurationError
from tests.adapters.recorded_prometheus import BEGINNING, Recorded, program, running_prometheus

MEASURED = [profile for profile in PROFILES if profile != "none"]
THEN = BEGINNING + timedelta(minutes=5)
LONG_NAME = "recommendations-for-people-who-also-looked-at-that"


def a_service(workload: str, profile: str = "http_requests", *, selector: str = "") -> Service:
    ref = WorkloadRef.parse(workload, cluster="prod")
    return Service(ref.name, ref, profile=profile, selector=selector)


def requests(
    counter: str,
    histogram: str,
    status: str,
    labels: dict[str, str],
    *,
    failures_per_second: float | None = 1.0,
    unit: float = 1.0,
) -> Iterator[Recorded]:
    """Ten requests a second, one failed (or none counted yet), a p95 of 0.3 s between 0.1 s and 0.5 s."""
    fine = 10.0 - (failures_per_second or 0.0)
    yield Recorded(counter, {**labels, status: "200"}, fine)
    if failures_per_second is not None:
        yield Recorded(counter, {**labels, status: "503"}, failures_per_second)
    for bound, per_second in ((0.1 * unit, 9.0), (0.5 * unit, 10.0), ("+Inf", 10.0)):
        yield Recorded(f"{histogram}_bucket", {**labels, "le": str(bound)}, per_second)


def http_requests(namespace: str, pod: str, *, failures: float | None = 1.0) -> Iterator[Recorded]:
    return requests(
        "http_requests_total",
        "http_request_duration_seconds",
        "code",
        {"namespace": namespace, "pod": pod},
        failures_per_second=failures,
    )


def istio(
    workload: str, *, failures: float | None = 1.0, reporter: str = "destination"
) -> Iterator[Recorded]:
    labels = {"reporter": reporter, "destination_workload_namespace": "production"}
    return requests(
        "istio_requests_total",
        "istio_request_duration_milliseconds",
        "response_code",
        labels | {"destination_workload": workload},
        failures_per_second=failures,
        unit=1000.0,
    )


def nginx(labels: dict[str, str], *, failures: float | None = 1.0) -> Iterator[Recorded]:
    return requests(
        "nginx_ingress_controller_requests",
        "nginx_ingress_controller_request_duration_seconds",
        "status",
        labels | {"ingress": "shop"},
        failures_per_second=failures,
    )


def otel(namespace: str, kind: str, name: str, *, failures: float | None = 1.0) -> Iterator[Recorded]:
    return requests(
        "http_server_request_duration_seconds_count",
        "http_server_request_duration_seconds",
        "http_response_status_code",
        {"k8s_namespace_name": namespace, f"k8s_{kind}_name": name},
        failures_per_second=failures,
    )


def container(pod: str, name: str, *, memory: float, cpu: float) -> Iterator[Recorded]:
    where = {"namespace": "production", "pod": pod, "container": name}
    yield Recorded("container_memory_working_set_bytes", where, start=memory)
    yield Recorded("container_cpu_usage_seconds_total", where, cpu)


def limits(pod: str, name: str, *, memory: float, cpu: float) -> Iterator[Recorded]:
    where = {"namespace": "production", "pod": pod, "container": name}
    yield Recorded("kube_pod_container_resource_limits", {**where, "resource": "memory"}, start=memory)
    yield Recorded("kube_pod_container_resource_limits", {**where, "resource": "cpu"}, start=cpu)


def past() -> Iterable[Recorded]:
    pod = "checkout-6d4cf56db6-x2x4v"
    # Pods of other workloads and namespaces, whose names begin alike.
    yield from http_requests("production", pod)
    yield from http_requests("production", "checkout-api-6d4cf56db6-x2x4v", failures=10.0)
    yield from http_requests("staging", pod, failures=10.0)
    yield from http_requests("production", "calm-6d4cf56db6-x2x4v", failures=None)
    yield from http_requests("production", "ledger-0")
    yield from http_requests("production", "agent-x2x4v")
    yield from http_requests("production", f"{LONG_NAME}-6d4cf56x2x4v")
    yield Recorded("http_requests_total", {"namespace": "production", "pod": "asleep-6d4cf56db6-x2x4v"}, 0.0)

    yield from istio("checkout")
    yield from istio("checkout", reporter="source")
    yield from istio("calm", failures=None)

    controller = {"namespace": "ingress-nginx", "service": "ingress-nginx-controller-metrics"}
    yield from nginx(controller | {"exported_namespace": "production", "exported_service": "checkout"})
    yield from nginx(
        controller | {"exported_namespace": "production", "exported_service": "calm"}, failures=None
    )
    yield from nginx(
        {"namespace": "ingress-nginx", "exported_namespace": "by-annotation", "service": "checkout"}
    )
    yield from nginx({"namespace": "honoured", "service": "checkout"})

    yield from otel("production", "deployment", "checkout")
    yield from otel("production", "statefulset", "ledger")
    yield from otel("production", "pod", "cart-6d4cf56db6-x2x4v")
    yield from otel("production", "pod", "cart-api-6d4cf56db6-x2x4v", failures=10.0)
    yield from otel("production", "deployment", "calm", failures=None)

    yield from container(pod, "app", memory=400.0, cpu=0.4)
    yield from limits(pod, "app", memory=500.0, cpu=0.5)
    # A sidecar without limits, an evicted pod whose limits are still listed, cgroups that are no container.
    yield from container(pod, "sidecar", memory=900.0, cpu=0.9)
    yield from container(pod, "POD", memory=900.0, cpu=0.9)
    yield from container(pod, "", memory=900.0, cpu=0.9)
    yield from limits("checkout-6d4cf56db6-zzzzz", "app", memory=500.0, cpu=0.5)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a Prometheus that remembers `past` and scrapes a small exporter."""
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter(
        "http_requests", "Requests.", ["namespace", "pod", "code"], registry=registry
    )
    counter.labels("live", "checkout-6d4cf56db6-x2x4v", "200").inc(1)
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    try:
        target = f"127.0.0.1:{server.server_port}"
        with running_prometheus(tmp_path_factory.mktemp("prometheus"), past(), target=target) as url:
            yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("profile", MEASURED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("selector", ["", 'app="checkout"'])
def test_prometheus_takes_every_query_whatever_the_names(
    tmp_path: Path, profile: str, kind: str, selector: str
) -> None:
    workload = WorkloadRef("prod", 'it"s\\a\nnamespace', kind, 'v1.2"(\\d+[{')
    service = Service("odd", workload, selector=selector)
    rules = [
        {"record": f"checked:{name}", "expr": query.query}
        for name, query in profile_queries(profile, service).items()
    ]
    file = tmp_path / "rules.yml"
    file.write_bytes(msgspec.yaml.encode({"groups": [{"name": "profile", "rules": rules}]}))

    check = subprocess.run(
        [program("promtool"), "check", "rules", file], check=False, capture_output=True, text=True
    )

    assert check.returncode == 0, check.stdout + check.stderr
    assert len(rules) == len(QUERYABLE) + 1


@pytest.mark.parametrize("profile", MEASURED)
def test_the_stand_in_prometheus_takes_every_query_too(profile: str) -> None:
    for query in profile_queries(profile, a_service("production/deployment/checkout")).values():
        parse(query.query)


@pytest.mark.parametrize(
    ("workload", "profile"),
    [
        ("production/deployment/checkout", "http_requests"),
        ("production/statefulset/ledger", "http_requests"),
        ("production/daemonset/agent", "http_requests"),
        ("production/rollout/checkout", "http_requests"),
        (f"production/deployment/{LONG_NAME}", "http_requests"),
        ("production/deployment/checkout", "istio"),
        ("production/deployment/checkout", "nginx"),
        ("by-annotation/deployment/checkout", "nginx"),
        ("honoured/deployment/checkout", "nginx"),
        ("production/deployment/checkout", "otel"),
        ("production/statefulset/ledger", "otel"),
        ("production/rollout/cart", "otel"),
    ],
)
def test_a_profile_measures_the_requests_of_its_workload_only(
    prometheus: str, workload: str, profile: str
) -> None:
    wanted = [Signal.ERROR_RATE, Signal.HTTP_5XX_PER_MINUTE, Signal.LATENCY_P95]

    measured = PrometheusSignals(prometheus).measure(a_service(workload, profile), wanted, at=THEN)

    assert measured.traffic_per_minute.value == pytest.approx(600)
    assert {signal: reading.value for signal, reading in measured.readings.items()} == {
        Signal.ERROR_RATE: pytest.approx(0.1),
        Signal.HTTP_5XX_PER_MINUTE: pytest.approx(60),
        Signal.LATENCY_P95: pytest.approx(0.3),
    }


@pytest.mark.parametrize("profile", MEASURED)
def test_no_failure_counted_yet_is_zero(prometheus: str, profile: str) -> None:
    wanted = [Signal.ERROR_RATE, Signal.HTTP_5XX_PER_MINUTE]

    service = a_service("production/deployment/calm", profile)
    readings = PrometheusSignals(prometheus).measure(service, wanted, at=THEN).readings

    assert readings == {signal: Reading.number(0) for signal in wanted}


@pytest.mark.parametrize("profile", MEASURED)
@pytest.mark.parametrize("workload", ["production/deployment/checkout", "production/deployment/nobody"])
def test_all_queries_of_a_profile_can_be_asked_together(prometheus: str, workload: str, profile: str) -> None:
    queries = profile_queries(profile, a_service(workload, profile))
    api = QueryApi(prometheus, http=HttpClient(timeout_seconds=5.0), stale_after_seconds=60.0)

    together = api.ask_together({name: query.query for name, query in queries.items()}, at=THEN)

    assert together == {name: api.ask(query.query, at=THEN) for name, query in queries.items()}


@pytest.mark.parametrize("profile", MEASURED)
def test_a_workload_without_any_series_is_unknown(prometheus: str, profile: str) -> None:
    service = a_service("production/deployment/nobody", profile)
    measured = PrometheusSignals(prometheus).measure(service, QUERYABLE, at=THEN)

    assert {reading.kind for reading in measured.readings.values()} == {Kind.UNKNOWN}
    assert measured.traffic_per_minute.is_unknown


def test_counters_that_stand_still_are_idle(prometheus: str) -> None:
    service = a_service("production/deployment/asleep")
    readings = PrometheusSignals(prometheus).measure(service, [Signal.ERROR_RATE], at=THEN).readings

    assert readings[Signal.ERROR_RATE] == Reading.idle(0)


def test_a_selector_replaces_how_the_workload_is_found(prometheus: str) -> None:
    selector = '{namespace="production",pod="checkout-6d4cf56db6-x2x4v",}'
    service = a_service("elsewhere/deployment/renamed", selector=selector)
    measured = PrometheusSignals(prometheus).measure(service, [Signal.ERROR_RATE], at=THEN)

    assert measured.readings[Signal.ERROR_RATE].value == pytest.approx(0.1)


def test_memory_and_cpu_count_containers_that_run_and_have_limits(prometheus: str) -> None:
    service = a_service("production/deployment/checkout", "otel")
    wanted = [Signal.MEMORY_USAGE, Signal.CPU_USAGE]

    readings = PrometheusSignals(prometheus).measure(service, wanted, at=THEN).readings

    assert {signal: reading.value for signal, reading in readings.items()} == {
        Signal.MEMORY_USAGE: pytest.approx(0.8),
        Signal.CPU_USAGE: pytest.approx(0.8),
    }


def test_before_anything_was_recorded_everything_is_unknown(prometheus: str) -> None:
    service = a_service("production/deployment/checkout")
    measured = PrometheusSignals(prometheus).measure(
        service,
        [Signal.LATENCY_REGRESSION],
        at=BEGINNING - timedelta(hours=1),
        p95_before=Reading.number(0.3),
    )

    assert measured.readings[Signal.LATENCY_REGRESSION].is_unknown


def test_the_present_is_measured_once_it_is_scraped(prometheus: str) -> None:
    signals = PrometheusSignals(prometheus, window_seconds=5)
    service = dataclasses.replace(a_service("live/deployment/checkout"), min_requests_per_minute=0)
    deadline = time.monotonic() + 30
    while (reading := signals.measure(service, [Signal.ERROR_RATE]).traffic_per_minute).is_unknown:
        assert time.monotonic() < deadline, reading.why
        threading.Event().wait(0.1)

    assert reading == Reading.number(0)


def test_a_query_that_prometheus_refuses_is_unknown_in_its_words(prometheus: str) -> None:
    own: dict[str, SignalQuery] = {Signal.ERROR_RATE: SignalQuery("sum(rate(", 60)}
    service = dataclasses.replace(a_service("production/deployment/checkout", "none"), queries=own)

    reading = PrometheusSignals(prometheus).measure(service, [Signal.ERROR_RATE]).readings[Signal.ERROR_RATE]

    assert reading.is_unknown
    assert "error_rate: the source answered 400: bad_data" in reading.why
    assert "unclosed left parenthesis" in reading.why


def test_the_window_is_in_the_query_and_declared() -> None:
    queries = profile_queries("istio", a_service("production/deployment/checkout"), 90.0)

    assert {query.window_seconds for query in queries.values()} == {90.0}
    assert "[90s]" in queries[TRAFFIC].query
    short = profile_queries("istio", a_service("production/deployment/checkout"), 2.5)
    assert "[2500ms]" in short[TRAFFIC].query


@pytest.mark.parametrize("profile", MEASURED)
def test_the_documentation_shows_the_queries_as_they_are(profile: str) -> None:
    shown = (Path(__file__).parents[2] / "docs" / "signals.md").read_text()
    service = a_service("production/deployment/checkout", profile)

    for name, query in profile_queries(profile, dataclasses.replace(service, selector="S")).items():
        assert f"{name}\n  {query.query}\n" in shown


def test_an_unknown_profile_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'linkerd' .* http_requests, istio, nginx, otel, none"):
        profile_queries("linkerd", a_service("production/deployment/checkout"))


def test_the_profile_none_and_a_kind_that_is_not_supported_have_no_queries() -> None:
    assert profile_queries("none", a_service("production/deployment/checkout")) == {}
    assert profile_queries("istio", a_service("production/job/import")) == {}
