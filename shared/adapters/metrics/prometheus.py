"""Metrics kept in this process, for Prometheus to read."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from shared.domain.metrics import METRICS, Kind, Measure, Metric

PREFIX = "backout_"


class PrometheusMetrics:
    """Keeps counters and histograms; those without labels are there from the beginning, with 0."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._kept = {metric: self._made(metric) for metric in METRICS}

    def add(self, measures: Sequence[Measure]) -> None:
        """Count them."""
        for measure in measures:
            kept = self._kept[measure.metric]
            child = kept.labels(*measure.labels) if measure.labels else kept
            if isinstance(child, Histogram):
                child.observe(measure.value)
            else:
                child.inc(measure.value)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)

    def _made(self, metric: Metric) -> Counter | Histogram:
        name = PREFIX + metric.name
        if metric.kind is Kind.HISTOGRAM:
            return Histogram(
                name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets
            )
        return Counter(name, metric.help, metric.labels, registry=self._registry)
