"""Traces: to OpenTelemetry where an endpoint is set, and else nothing of it is loaded."""

import logging
import os
from functools import cache

from shared.subjects import Spans, about

log = logging.getLogger("backout.tracing")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def of_this_process() -> Spans:
    """Return what traces here: OpenTelemetry's own variables say whether and where to."""
    return _made() if any(os.environ.get(name) for name in ENDPOINTS) else about


def flush(spans: Spans) -> None:
    """Send the spans that have ended, for a second or two at most; lose them where nobody takes them."""
    flushed = getattr(spans, "flush", None)
    if callable(flushed):
        flushed()


@cache
def _made() -> Spans:
    try:
        from shared.adapters.tracing.spans import OpenTelemetrySpans, to_endpoint
    except ImportError:
        log.warning("nothing is traced: %s is set, but not installed: backout[tracing]", ENDPOINTS[0])
        return about
    return OpenTelemetrySpans(to_endpoint())
