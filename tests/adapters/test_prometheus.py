"""What a Prometheus, or what is in its place, may answer; the shapes were captured from Prometheus 2.42."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from threading import Barrier

import pytest

from shared.adapters.prometheus import PrometheusSignals
from shared.domain.services import Service, SignalQuery
from shared.domain.signals import NEEDS_TRAFFIC, NEVER_QUERIED, Reading, Signal
from shared.domain.workloads import WorkloadRef
from tests.fakes.http_server import Answer, Request, Server, serving

WORKLOAD = WorkloadRef("prod", "production", "deployment", "checkout")
SERVICE = Service(
    "checkout", WORKLOAD, profile="none", queries={"cpu_usage": SignalQuery("cpu_of(checkout)", 60.0)}
)


QUERIED = [signal for signal in Signal if signal not in NEVER_QUERIED]


def vector(*texts: str, at: float | None = None) -> Answer:
    when = time.time() if at is None else at
    result = [{"metric": {"pod": str(n)}, "value": [when, text]} for n, text in enumerate(texts)]
    return data("vector", result)


def data(result_type: str, result: object, **more: object) -> Answer:
    answer = {"status": "success", "data": {"resultType": result_type, "result": result}, **more}
    return Answer(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})


def error(status: int, kind: str, text: str) -> Answer:
    return Answer(status, json.dumps({"status": "error", "errorType": kind, "error": text}).encode())


def cpu(signals: PrometheusSignals, *, at: datetime | None = None) -> Reading:
    return signals.measure(SERVICE, [Signal.CPU_USAGE], at=at).readings[Signal.CPU_USAGE]


def cpu_when(
    answer: Answer | Callable[[Request], Answer],
    *,
    timeout_seconds: float = 5.0,
    stale_after_seconds: float = 3600.0,
) -> Reading:
    """Measure once, with a source that gives this answer, written when the test was or when it was loaded."""
    with serving(answer if callable(answer) else lambda _: answer) as server:
        return cpu(
            PrometheusSignals(
                server.url, timeout_seconds=timeout_seconds, stale_after_seconds=stale_after_seconds
            )
        )


@contextmanager
def source(
    answers: Callable[[Request], Answer], *, stale_after_seconds: float = 60.0
) -> Iterator[tuple[Server, PrometheusSignals]]:
    with serving(answers) as server:
        yield server, PrometheusSignals(server.url, stale_after_seconds=stale_after_seconds)


@pytest.mark.parametrize(
    "answer",
    [
        vector("0.12"),
        data("scalar", [time.time(), "0.12"]),
        data("vector", [{"metric": {}, "value": [time.time(), "0.12"]}], warnings=["a store is away"]),
        data("vector", [{"metric": {}, "value": [time.time(), "1.2e-1"]}], infos=["not a counter"]),
    ],
    ids=["vector", "scalar", "warnings", "exponent"],
)
def test_one_number_is_read_whatever_its_shape(answer: Answer) -> None:
    assert cpu_when(answer) == Reading.number(0.12)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (vector(), "the query gives no series"),
        (vector("0.1", "0.2"), "the query gives 2 series, not one number"),
        (vector("NaN"), "the value is not a number (NaN)"),
        (vector("+Inf"), "the value is infinite"),
        (vector("-Inf"), "the value is infinite"),
        (vector("twelve"), "the answer is not what Prometheus answers"),
        (data("string", [time.time(), "text"]), "the query gives a string, not one number"),
        (data("matrix", []), "the query gives a matrix, not one number"),
        (
            data("vector", [{"metric": {}, "histogram": [time.time(), {"count": "3"}]}]),
            "the query gives a histogram, not one number",
        ),
        (
            data("vector", [{"metric": {}, "value": [time.time()]}]),
            "the answer is not what Prometheus answers",
        ),
        (data("vector", {"no": "list"}), "the answer is not what Prometheus answers"),
        (Answer(body=b"<!DOCTYPE html><html>Sign in</html>"), "the answer is not what Prometheus answers"),
        (Answer(body=b"[]"), "the answer is not what Prometheus answers"),
        (Answer(body=b""), "the answer is not what Prometheus answers"),
        (Answer(body=b"\xff\xfe"), "the answer is not what Prometheus answers"),
        (Answer(302, headers={"Location": "/login"}), "the source answered 302"),
        (Answer(401, b"Unauthorized"), "the source answered 401"),
        (Answer(503, b"<html>no healthy upstream</html>"), "the source answered 503"),
        (Answer(body=b" " * 2_000_000), "the answer is far longer than one number"),
        (
            error(400, "bad_data", 'invalid parameter "query": 1:10: parse error: unclosed'),
            'the source answered 400: bad_data: invalid parameter "query": 1:10: parse error: unclosed',
        ),
        (
            error(422, "execution", "found duplicate series for the match group {}"),
            "the source answered 422: execution: found duplicate series for the match group {}",
        ),
        (error(503, "timeout", "query timed out"), "the source answered 503: timeout: query timed out"),
        (error(200, "bad_data", "odd"), "the source answered an error: bad_data: odd"),
        (Answer(drops=True), "the connection broke off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_unknown_and_says_why(answer: Answer, why: str) -> None:
    assert cpu_when(answer) == Reading.unknown(f"cpu_usage: {why}")


def test_a_long_error_is_cut() -> None:
    assert len(cpu_when(error(400, "bad_data", "x" * 10_000)).why) < 300


def test_a_sample_from_another_time_is_unknown() -> None:
    old = vector("0.1", at=time.time() - 200)
    assert cpu_when(old, stale_after_seconds=60).why == "cpu_usage: the sample is stale: 200 s old"


def test_how_old_a_sample_may_be_is_set() -> None:
    with source(lambda _: vector("0.1", at=time.time() - 200), stale_after_seconds=300) as (_, signals):
        assert cpu(signals) == Reading.number(0.1)


def test_a_source_that_answers_about_now_when_asked_about_the_past_is_unknown() -> None:
    with source(lambda _: vector("0.1")) as (_, signals):
        assert "stale" in cpu(signals, at=datetime(2026, 3, 2, tzinfo=UTC)).why


def test_the_past_is_asked_for_by_time_and_the_present_is_not() -> None:
    def answers(request: Request) -> Answer:
        return vector("0.1", at=float(request.form.get("time", time.time())))

    at = datetime(2026, 3, 2, 13, 58, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    with source(answers) as (server, signals):
        assert cpu(signals, at=at) == Reading.number(0.1)
        assert cpu(signals) == Reading.number(0.1)

    past, present = server.requests
    assert (past.method, past.path) == ("POST", "/api/v1/query")
    assert past.form == {"query": "cpu_of(checkout)", "time": "1772452680.250", "timeout": "5000ms"}
    assert "time" not in present.form


def test_a_path_and_the_configured_headers_go_with_every_query() -> None:
    with serving(lambda _: vector("0.1")) as server:
        headers = {"X-Scope-OrgID": "shop", "Authorization": "Bearer t0ken"}
        cpu(PrometheusSignals(f"{server.url}/prometheus/", headers=headers))

    [request] = server.requests
    assert request.path == "/prometheus/api/v1/query"
    assert (request.headers["x-scope-orgid"], request.headers["authorization"]) == ("shop", "Bearer t0ken")


def test_nobody_there_is_unknown() -> None:
    with serving(lambda _: vector("0.1")) as server:
        url = server.url

    assert cpu(PrometheusSignals(url)) == Reading.unknown("cpu_usage: connection refused")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://127.0.0.1", "not an http or https address"),
        ("http://prometheus:port", "not an http or https address"),
        ("http://prometheus.invalid:9090", "the host name is not known"),
        (f"http://{'x' * 70}.example", "not an http or https address"),
    ],
)
def test_a_url_that_leads_nowhere_is_unknown(url: str, why: str) -> None:
    assert cpu(PrometheusSignals(url)) == Reading.unknown(f"cpu_usage: {why}")


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(body=b" " * 1000, drips=True)], ids=str)
def test_a_slow_source_is_unknown_within_twice_the_timeout(answer: Answer) -> None:
    started = time.monotonic()

    reading = cpu_when(answer, timeout_seconds=0.3)

    assert time.monotonic() - started < 2.0
    assert reading.is_unknown
    assert "in 0.3 s" in reading.why


def test_one_query_that_fails_leaves_the_others_alone() -> None:
    own = {"cpu_usage": SignalQuery("cpu", 60), "memory_usage": SignalQuery("memory", 30)}
    service = Service("checkout", WORKLOAD, profile="none", queries=own)
    with source(lambda r: vector("0.4") if r.form["query"] == "cpu" else Answer(500)) as (_, signals):
        measured = signals.measure(service, [Signal.CPU_USAGE, Signal.MEMORY_USAGE])

    assert measured.readings == {
        Signal.CPU_USAGE: Reading.number(0.4),
        Signal.MEMORY_USAGE: Reading.unknown("memory_usage: the source answered 500"),
    }
    assert measured.windows == {Signal.CPU_USAGE: 60, Signal.MEMORY_USAGE: 30}


def asked_together(request: Request) -> list[str]:
    """Return the names of the queries in a request for several; nothing for one that is asked alone."""
    return re.findall(r'"backout_signal", "(\w+)", "", ""\)', request.form["query"])


def vector_for(request: Request, texts: dict[str, list[str]], *, at: float | None = None) -> Answer:
    """Answer a request for several queries: for each the texts of its series, one "20" unless told."""
    series = [
        {
            "metric": {"backout_signal": name, "n": str(n)},
            "value": [time.time() if at is None else at, text],
        }
        for name in asked_together(request)
        for n, text in enumerate(texts.get(name, ["20"]))
    ]
    return data("vector", series)


def test_the_queries_of_a_profile_go_in_one_request() -> None:
    with source(lambda request: vector_for(request, {})) as (server, signals):
        measured = signals.measure(Service("checkout", WORKLOAD), QUERIED, p95_before=Reading.number(10))

    [request] = server.requests
    assert sorted(asked_together(request)) == sorted({*QUERIED, "traffic"} - {Signal.LATENCY_REGRESSION})
    assert measured.traffic_per_minute == Reading.number(20)
    assert measured.readings == {
        signal: Reading.number(1 if signal is Signal.LATENCY_REGRESSION else 20) for signal in QUERIED
    }


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "the query gives no series"),
        (["0.1", "0.2"], "the query gives 2 series, not one number"),
        (["NaN"], "the value is not a number (NaN)"),
        (["+Inf"], "the value is infinite"),
        (["twelve"], "the answer is not what Prometheus answers"),
    ],
)
def test_a_query_without_one_number_leaves_alone_what_was_asked_with_it(texts: list[str], why: str) -> None:
    answer = partial(vector_for, texts={"memory_usage": texts})
    with source(answer) as (server, signals):
        measured = signals.measure(Service("checkout", WORKLOAD), [Signal.CPU_USAGE, Signal.MEMORY_USAGE])

    assert len(server.requests) == 1
    assert measured.readings == {
        Signal.CPU_USAGE: Reading.number(20),
        Signal.MEMORY_USAGE: Reading.unknown(f"memory_usage: {why}"),
    }


def test_samples_from_another_time_are_unknown_together_too() -> None:
    with source(lambda request: vector_for(request, {}, at=time.time() - 200)) as (_, signals):
        readings = signals.measure(Service("checkout", WORKLOAD), QUERIED).readings

    assert all("the sample is stale: 200 s old" in reading.why for reading in readings.values())


@pytest.mark.parametrize(
    "together",
    [
        error(400, "bad_data", "unknown function label_replace"),
        error(422, "execution", "found duplicate series for the match group {}"),
        error(503, "timeout", "query timed out"),
        Answer(hangs=True),
        vector("20"),
        data("scalar", [0, "20"]),
    ],
    ids=["unknown function", "impossible", "too slow", "silent", "drops labels", "another shape"],
)
def test_queries_that_cannot_be_asked_together_are_asked_one_by_one(together: Answer) -> None:
    def answers(request: Request) -> Answer:
        if asked_together(request):
            return together
        return error(422, "execution", "odd") if "memory" in request.form["query"] else vector("20")

    wanted = [Signal.CPU_USAGE, Signal.MEMORY_USAGE, Signal.ERROR_RATE]
    with serving(answers) as server:
        signals = PrometheusSignals(server.url, timeout_seconds=0.5)
        measured = signals.measure(Service("checkout", WORKLOAD), wanted)
        first = len(server.requests)
        again = signals.measure(Service("checkout", WORKLOAD), wanted)
        second = len(server.requests) - first

    assert measured == again
    assert measured.readings == {
        Signal.CPU_USAGE: Reading.number(20),
        Signal.MEMORY_USAGE: Reading.unknown("memory_usage: the source answered 422: execution: odd"),
        Signal.ERROR_RATE: Reading.number(20),
    }
    assert first == 5, "one for all, which failed, and four for one"
    assert second == 4, "what could not be asked together is not tried again at once"


def test_a_source_that_never_answers_is_unknown_for_each_signal_within_twice_the_timeout() -> None:
    started = time.monotonic()
    with serving(lambda _: Answer(hangs=True)) as server:
        signals = PrometheusSignals(server.url, timeout_seconds=0.3)
        readings = signals.measure(
            Service("checkout", WORKLOAD), [Signal.CPU_USAGE, Signal.ERROR_RATE]
        ).readings

        assert time.monotonic() - started < 2.0
    assert all(reading.is_unknown for reading in readings.values())
    assert all(f"{signal}: no answer in 0." in reading.why for signal, reading in readings.items())


def test_own_queries_are_asked_beside_the_profiles() -> None:
    together = Barrier(3)

    def answers(request: Request) -> Answer:
        together.wait(10)
        return vector_for(request, {}) if asked_together(request) else vector("30")

    own = {"cpu_usage": SignalQuery("cpu", 60), "memory_usage": SignalQuery("memory", 30)}
    with source(answers) as (server, signals):
        readings = signals.measure(Service("checkout", WORKLOAD, queries=own), QUERIED).readings

    assert len(server.requests) == 3
    assert readings[Signal.CPU_USAGE] == readings[Signal.MEMORY_USAGE] == Reading.number(30)
    assert readings[Signal.ERROR_RATE] == Reading.number(20)


def test_connections_are_opened_ahead_and_kept() -> None:
    together = Barrier(6)

    def answers(request: Request) -> Answer:
        if asked_together(request):
            return error(400, "bad_data", "not here")
        together.wait(10)
        return data("scalar", [time.time(), "20"])

    with source(answers) as (server, signals):
        signals.warm()
        opened = set(server.connections)
        signals.measure(Service("checkout", WORKLOAD), QUERIED)

    assert len(opened) == 6
    assert server.connections == opened


def test_warming_up_without_a_source_is_no_error() -> None:
    PrometheusSignals("http://127.0.0.1:9").warm()


def test_a_connection_that_broke_is_tried_once_more() -> None:
    answers = iter([Answer(drops=True), vector("0.1")])

    assert cpu_when(lambda _: next(answers)) == Reading.number(0.1)


def test_own_queries_beat_the_profile_and_a_signal_without_any_is_unknown() -> None:
    own = {"error_rate": SignalQuery("mine", 120)}
    profiled = Service("checkout", WORKLOAD, profile="istio", queries=own)
    alone = Service("checkout", WORKLOAD, profile="none", queries=own)
    wanted = [Signal.ERROR_RATE, Signal.CPU_USAGE]
    with source(lambda r: vector("0.3" if r.form["query"] == "mine" else "60")) as (_, signals):
        mixed = signals.measure(profiled, wanted)
        own_only = signals.measure(alone, wanted)

    assert mixed.readings[Signal.ERROR_RATE] == own_only.readings[Signal.ERROR_RATE] == Reading.number(0.3)
    assert mixed.windows == {Signal.ERROR_RATE: 120, Signal.CPU_USAGE: 60}
    assert mixed.readings[Signal.CPU_USAGE] == Reading.number(60)
    assert own_only.readings[Signal.CPU_USAGE] == Reading.unknown("cpu_usage: no query")
    assert own_only.windows == {Signal.ERROR_RATE: 120}


def test_an_own_query_for_the_regression_is_taken_as_it_is() -> None:
    own = {"latency_regression": SignalQuery("against_last_week", 300)}
    service = Service("checkout", WORKLOAD, profile="none", queries=own)
    with source(lambda _: vector("0.7")) as (_, signals):
        measured = signals.measure(service, [Signal.LATENCY_REGRESSION], p95_before=Reading.number(9))

    assert measured.readings == {Signal.LATENCY_REGRESSION: Reading.number(0.7)}
    assert measured.windows == {Signal.LATENCY_REGRESSION: 300}


@pytest.mark.parametrize("signal", [signal for signal in Signal if signal not in NEVER_QUERIED])
def test_traffic_is_asked_for_only_where_it_matters(signal: Signal) -> None:
    with source(lambda request: vector_for(request, {})) as (server, signals):
        signals.measure(Service("checkout", WORKLOAD), [signal])

    [request] = server.requests
    assert ("traffic" in asked_together(request)) == (signal in NEEDS_TRAFFIC)


def test_importing_the_adapter_leaves_the_http_client_out() -> None:
    code = "import sys, shared.adapters.prometheus, shared.adapters.health, shared.adapters.webhook\n"
    code += "sys.exit('httpx' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_measuring_does_not_log_a_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    cpu_when(vector("0.1"))

    assert caplog.text == ""
