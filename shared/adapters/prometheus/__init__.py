"""Signals from Prometheus, and from what answers its HTTP API."""

from shared.adapters.prometheus.measuring import PrometheusSignals

__all__ = ["PrometheusSignals"]
