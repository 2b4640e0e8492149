"""What each pod has counted, and its exposition as an application, cAdvisor and kube-state-metrics would."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

METHODS = ("GET", "POST")
CODES = ("200", "500")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MEMORY_LIMIT_BYTES = 512.0 * 1024 * 1024
CPU_LIMIT_CORES = 0.5


@dataclass
class PodMeter:
    """The counters of one pod, which live and die with it.

    Every request series starts at zero: a counter that appears with its first increment loses it for
    `rate()`. `observations` has one cell per bucket and one for what is slower than the last, none of them
    cumulative.
    """

    container: str
    requests: dict[tuple[str, str], int] = field(
        default_factory=lambda: {(method, code): 0 for method in METHODS for code in CODES}
    )
    observations: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    latency_sum_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: float = 0.0

    def observe(self, *, method: str, code: str, latency_seconds: float) -> None:
        """Count one request."""
        self.requests[method, code] += 1
        self.observations[bisect_left(BUCKETS, latency_seconds)] += 1
        self.latency_sum_seconds += latency_seconds


def families(meters: Mapping[str, PodMeter], *, namespace: str, deployment: str) -> Iterable[Metric]:
    """Expose the meters, keyed by pod name, as metric families."""
    yield from _request_families(meters, namespace=namespace, deployment=deployment)
    yield from _container_families(meters, namespace=namespace)


def _request_families(meters: Mapping[str, PodMeter], *, namespace: str, deployment: str) -> Iterator[Metric]:
    labels = ["namespace", "pod", "deployment"]
    requests = CounterMetricFamily("http_requests", "Requests served.", labels=[*labels, "method", "code"])
    durations = HistogramMetricFamily("http_request_duration_seconds", "Time to answer.", labels=labels)
    for pod, meter in meters.items():
        for (method, code), count in meter.requests.items():
            requests.add_metric([namespace, pod, deployment, method, code], count)
        bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
        cumulative = list(zip(bounds, accumulate(meter.observations), strict=True))
        durations.add_metric([namespace, pod, deployment], cumulative, meter.latency_sum_seconds)
    yield requests
    yield durations


def _container_families(meters: Mapping[str, PodMeter], *, namespace: str) -> Iterator[Metric]:
    labels = ["namespace", "pod", "container"]
    memory = GaugeMetricFamily("container_memory_working_set_bytes", "Working set.", labels=labels)
    cpu = CounterMetricFamily("container_cpu_usage_seconds", "CPU time consumed.", labels=labels)
    limits = GaugeMetricFamily(
        "kube_pod_container_resource_limits", "Limits.", labels=[*labels, "resource", "unit"]
    )
    for pod, meter in meters.items():
        where = [namespace, pod, meter.container]
        memory.add_metric(where, meter.memory_bytes)
        cpu.add_metric(where, meter.cpu_seconds)
        limits.add_metric([*where, "memory", "byte"], MEMORY_LIMIT_BYTES)
        limits.add_metric([*where, "cpu", "core"], CPU_LIMIT_CORES)
    yield memory
    yield cpu
    yield limits
