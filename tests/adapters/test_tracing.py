"""Traces: one for what an alert set off, across the queue; sent to a receiver, never in anybody's way."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from functions import advance
from shared.adapters import tracing
from shared.adapters.sqs import SqsQueue
from shared.adapters.tracing.spans import OpenTelemetrySpans, to_endpoint
from shared.errors import TemporaryError
from shared.subjects import about, present
from tests.engine.world import World, an_alert
from tests.fakes.http_server import Answer, Request, serving


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(kept: InMemorySpanExporter) -> OpenTelemetrySpans:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return OpenTelemetrySpans(provider)


def named(kept: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in kept.get_finished_spans() if span.name == name]


def test_accept_each_step_each_change_and_each_task_is_a_span(
    kept: InMemorySpanExporter, spans: OpenTelemetrySpans
) -> None:
    world = World()
    world.spans = spans
    world.restart()
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    world.ended(answer.response_id)

    [accepted] = named(kept, "accept")
    assert dict(accepted.attributes or {}) == {
        "backout.workload": "production/deployment/checkout",
        "backout.response": answer.response_id,
    }
    steps = [(span.attributes or {})["backout.step"] for span in named(kept, "run")]
    assert list(dict.fromkeys(steps)) == ["assess", "rollback", "verify", "stabilise"]
    [applied] = named(kept, "apply")
    assert (applied.attributes or {})["backout.step"] == "rollback"
    assert named(kept, "task")
    for span in (*named(kept, "run"), applied, *named(kept, "task")):
        assert (span.attributes or {})["backout.response"] == answer.response_id
    advances = {span.context.span_id for span in named(kept, "advance") if span.context}
    assert {span.parent.span_id for span in named(kept, "run") if span.parent} <= advances


def test_what_fails_marks_its_span_and_stays_what_it_was(
    kept: InMemorySpanExporter, spans: OpenTelemetrySpans
) -> None:
    with pytest.raises(TemporaryError, match="away"), spans("run", step="assess"):
        raise TemporaryError("the cluster is away")

    [span] = kept.get_finished_spans()
    assert not span.status.is_ok
    assert span.events == ()


class Sqs:
    """A client that keeps what is sent."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message(self, **message: str) -> None:
        self.bodies.append(message["MessageBody"])


def test_the_trace_goes_through_the_queue(kept: InMemorySpanExporter, spans: OpenTelemetrySpans) -> None:
    world, client = World(local=False), Sqs()
    world.spans = spans
    world.restart()
    world.story()
    [answer] = world.send(an_alert(at=world.now))
    queue = SqsQueue(lambda: client, "http://127.0.0.1:9/queue")  # type: ignore[arg-type,return-value]
    with spans("accept", response=answer.response_id):
        queue.send(answer.response_id)
    queue.send(answer.response_id)
    assert "traceparent" not in client.bodies[1]

    told = advance.batch(world.engine, [{"messageId": "m1", "body": client.bodies[0]}])

    assert told == {"batchItemFailures": []}
    accepted, advanced = named(kept, "accept")[-1], named(kept, "advance")[-1]
    assert accepted.context is not None
    assert advanced.context is not None
    assert advanced.parent is not None
    assert advanced.context.trace_id == accepted.context.trace_id
    assert advanced.parent.span_id == accepted.context.span_id
    assert present().told() == {}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Request]]:
    with serving(lambda _: Answer(headers={"Content-Type": "application/x-protobuf"})) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        tracing._made.cache_clear()
        yield server.requests
    tracing._made.cache_clear()


def test_spans_are_sent_to_the_endpoint_that_is_set(endpoint: list[Request]) -> None:
    spans = tracing.of_this_process()
    with spans("run", response="r1", step="verify"):
        pass
    tracing.flush(spans)

    [request] = endpoint
    assert (request.method, request.path) == ("POST", "/v1/traces")
    [resource] = ExportTraceServiceRequest.FromString(request.body).resource_spans
    assert {"backout"} == {
        a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
    }
    [span] = resource.scope_spans[0].spans
    assert span.name == "run"
    assert {a.key: a.value.string_value for a in span.attributes} == {
        "backout.response": "r1",
        "backout.step": "verify",
    }


def test_a_receiver_that_does_not_answer_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    provider = to_endpoint()
    spans = OpenTelemetrySpans(provider)
    with spans("run", step="verify"):
        pass
    tracing.flush(spans)
    provider.shutdown()


def test_without_an_endpoint_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert tracing.of_this_process() is about
    tracing.flush(about)


@pytest.mark.parametrize("module", ["functions.alertmanager", "functions.advance", "cli.main"])
def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        "from shared.adapters import tracing\n"
        "with tracing.of_this_process()('run', step='verify'): pass\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in tracing.ENDPOINTS}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
