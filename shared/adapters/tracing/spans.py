"""Spans of OpenTelemetry, sent by OTLP over HTTP."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.subjects import Learned, about, present

FLUSH_SECONDS = 2.0
_PREFIX = "backout."
_W3C = TraceContextTextMapPropagator()


def to_endpoint() -> TracerProvider:
    """Return what sends spans where OpenTelemetry's variables say, in the background."""
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "backout"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=FLUSH_SECONDS)))
    return provider


class OpenTelemetrySpans:
    """Makes a span for what goes on, the child of that of the subject around it.

    The subject carries the parent, so that it goes along to other threads and, by the queue, other processes.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("backout")

    @contextmanager
    def __call__(self, name: str, /, **named: str) -> Iterator[Learned]:
        """Span the block. An error in it marks the span with its text, which names no secret."""
        parent = _W3C.extract({"traceparent": present().traceparent})
        with self._tracer.start_as_current_span(name, context=parent, record_exception=False) as span:
            carrier: dict[str, str] = {}
            _W3C.inject(carrier, context=set_span_in_context(span))

            def learned(**named: str) -> None:
                span.set_attributes({_PREFIX + key: value for key, value in named.items() if value})

            with about(name, **{**named, **carrier}):
                told = present().told()
                told.pop("traceparent", None)
                learned(**told)
                yield learned

    def flush(self) -> None:
        """Send what has ended; where nobody takes it in time, go on without."""
        self._provider.force_flush(timeout_millis=int(FLUSH_SECONDS * 1000))
