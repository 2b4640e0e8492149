"""Metrics: what this process has counted, for Prometheus. Only the one-process server counts."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, generate_latest

from shared.engine.accepting import Answer

REGISTRY = CollectorRegistry()

_requests = Counter(
    "backout_requests", "HTTP requests by endpoint and status.", ["endpoint", "status"], registry=REGISTRY
)
_results = Counter(
    "backout_results", "What became of alerts and orders, by outcome.", ["outcome"], registry=REGISTRY
)


def count(endpoint: str, status: int, results: Sequence[Answer] = ()) -> None:
    """Count a request and what was accepted with it. `endpoint` is one of the few that exist."""
    _requests.labels(endpoint, str(status)).inc()
    for result in results:
        _results.labels("repeated" if result.repeated else result.outcome.value).inc()


def text() -> bytes:
    """Return the counters in Prometheus's text format."""
    return generate_latest(REGISTRY)
