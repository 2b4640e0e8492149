"""A stand-in for Prometheus, for machines without it: scrapes, evaluates a part of PromQL, and alerts."""

from sandbox.prometheus.server import Prometheus

__all__ = ["Prometheus"]
