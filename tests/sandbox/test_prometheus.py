import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from sandbox.prometheus import Prometheus
from sandbox.prometheus.alerting import AlertSender
from sandbox.prometheus.durations import parse_duration_ms
from sandbox.prometheus.evaluation import Evaluation
from sandbox.prometheus.floats import in_template, plain, scientific
from sandbox.prometheus.parsing import parse
from sandbox.prometheus.rules import AlertRule, AlertState, RulesError, load_rules
from sandbox.prometheus.samples import NAME, SampleStore, labels_of
from sandbox.prometheus.scraping import now_ms
from sandbox.prometheus.syntax import QueryError
from sandbox.servers import PROMETHEUS_PROGRAMS, Watch, real_prometheus
from sandbox.shop import ImageBehaviour, Shop
from tests.sandbox.endpoints import BAD, PodList, eventually, pod

NOW_MS = 1_000_000_000
PODS = 'namespace="production",pod=~"checkout-.*"'
REQUESTS = f"sum(rate(http_requests_total{{{PODS}}}[5s]))"
FAILURES = f'sum(rate(http_requests_total{{code=~"5..",{PODS}}}[5s]))'
BUCKETS = f"sum by (le) (rate(http_request_duration_seconds_bucket{{{PODS}}}[5s]))"
MAIN_QUERIES = {
    "requests a minute": f"{REQUESTS}*60",
    "error ratio": f"({FAILURES} or {REQUESTS}*0) / {REQUESTS}",
    "p95": f"histogram_quantile(0.95, {BUCKETS})",
    "memory": (
        f"sum(container_memory_working_set_bytes{{{PODS}}})"
        f' / sum(kube_pod_container_resource_limits{{resource="memory",{PODS}}})'
    ),
    "cpu": (
        f"sum(rate(container_cpu_usage_seconds_total{{{PODS}}}[5s]))"
        f' / sum(kube_pod_container_resource_limits{{resource="cpu",{PODS}}})'
    ),
}
MORE_QUERIES = [
    "up",
    '{__name__=~"container_.+"}',
    'http_requests_total{code!="200",method!~"P.*"}',
    "http_requests_total offset 2s",
    "increase(http_requests_total[4s])",
    "irate(http_requests_total[4s])",
    "max_over_time(up[4s]) - min_over_time(container_memory_working_set_bytes[4s])",
    "max_over_time(container_memory_working_set_bytes[4s])",
    "avg_over_time(container_memory_working_set_bytes[4s])",
    "sum without (pod, instance) (http_requests_total)",
    "max by (method) (http_requests_total) - min by (method) (http_requests_total)",
    "count(http_requests_total) by (code)",
    "avg(http_requests_total)",
    "container_memory_working_set_bytes / 1024",
    "container_memory_working_set_bytes > 1",
    "container_memory_working_set_bytes < 1",
    "container_memory_working_set_bytes > bool 1",
    "1 < container_memory_working_set_bytes",
    "-http_requests_total",
    "1 - 2 - 3 * -2 / 4",
    "1 >= bool 2",
    "0 / 0",
    "-1 / 0",
    "vector(0) / 0",
    "scalar(sum(up)) + time() * 0",
    "clamp_max(http_requests_total, 3) + clamp_min(http_requests_total, 5)",
    'kube_pod_container_resource_limits / on (pod) group_left () up{job="none"}',
    "http_requests_total / on (namespace, pod) group_left sum by (namespace, pod) (http_requests_total)",
    "sum by (pod) (http_requests_total) / on (pod) group_right () http_requests_total",
    'http_requests_total * on (pod) group_left (unit) kube_pod_container_resource_limits{resource="cpu"}',
    "sum by (pod, code) (http_requests_total) / ignoring (code) group_left count by (pod) ({job=~'.+'})",
    "sum by (pod) (http_requests_total) / on (pod) sum by (pod, job) (http_requests_total)",
    "http_requests_total == on (pod, code, method) http_requests_total",
    'http_requests_total{code="200"} and on (pod) container_memory_working_set_bytes',
    'http_requests_total unless http_requests_total{code="200"}',
    'http_requests_total{code="500"} or http_requests_total',
    "vector(1) or vector(2)",
    'label_replace(sum(up), "asked", "one", "", "") or label_replace(sum(up) * 2, "asked", "two", "", "")',
    'label_replace(up, "instance", "", "", "")',
    'label_replace(up, "of", "$1/${name}x$$$9", "job", "(.)(?P<name>.*)")',
    'label_replace(up, "of", "$1x", "job", "(.*)")',
    'label_replace(up, "of", "x", "job", "no")',
    'label_replace(up, "__name__", "down", "", "")',
    "http_request_duration_seconds_sum / http_request_duration_seconds_count",
    "histogram_quantile(0.5, rate(http_request_duration_seconds_bucket[4s]))",
    "histogram_quantile(1, http_request_duration_seconds_bucket)",
    "histogram_quantile(0, http_request_duration_seconds_bucket)",
    "histogram_quantile(2, http_request_duration_seconds_bucket)",
    'histogram_quantile(0.9, http_request_duration_seconds_bucket{le!="+Inf"})',
    "sum(nothing_of_that_name)",
    "sum(nothing_of_that_name) or vector(0)",
    "http_requests_total + http_request_duration_seconds_count",
    "sum(http_requests_total) # with a comment",
    "SUM(http_requests_total) BY (code)",
]
BAD_QUERIES = [
    "",
    "sum(",
    "up[5m",
    "up[]",
    "rate(up)",
    "sum(up[5m])",
    "up{job=~'['}",
    'up{job="x"',
    "{}",
    '{job=~".*"}',
    "1 > 2",
    "up + bool up",
    "1 and up",
    "up + up[5m]",
    "no_such_function(up)",
    "vector(up)",
    "1 + on (pod) up",
    'up{job="\\."}',
    "up up",
    "up offset",
    "-up[5m]",
    "$value",
    'up "or" up',
    'up + "up"',
    '-"up"',
    'sum("up")',
    "label_replace(up)",
    'label_replace(1, "a", "b", "", "")',
]
IMPOSSIBLE = [
    "http_requests_total / on (pod) http_requests_total",
    "http_requests_total / on (pod) container_memory_working_set_bytes",
    'label_replace(http_requests_total, "code", "any", "", "")',
    'label_replace(up, "not-a-name", "x", "", "")',
    'label_replace(up, "of", "x", "job", "(")',
]


def store_of(
    series: dict[str, list[float | None]], *, step_ms: int = 1000, last_ms: int = NOW_MS
) -> SampleStore:
    """Record each series' values, the last of them at `last_ms`."""
    store = SampleStore()
    for text, values in series.items():
        name, _, rest = text.partition("{")
        labels = dict(pair.split("=") for pair in rest.rstrip("}").split(",") if pair)
        for age, value in zip(reversed(range(len(values))), values, strict=True):
            store.record([(labels_of({NAME: name, **labels}), value)], at_ms=last_ms - age * step_ms)
    return store


NUMBERS = ["0", "1/3", "999999", "1000000", "123456789", "0.0001", "0.00001", "-2.5", "1e21", "0/0", "1/0"]
NUMBER_RULES = json.dumps(
    {
        "groups": [
            {
                "name": "numbers",
                "rules": [
                    {
                        "alert": f"number {number}",
                        "expr": f"vector({number})",
                        "annotations": {"value": "{{ $value }}"},
                        "labels": {"sign": "[{{ $labels.nothing }}]"},
                    }
                    for number in NUMBERS
                ],
            }
        ]
    }
)


def answer(query: str, store: SampleStore, *, at_ms: int = NOW_MS) -> object:
    """Evaluate to a number, or to the list of a vector's numbers."""
    value = Evaluation(store, at_ms).value(parse(query))
    return list(value.values()) if isinstance(value, dict) else value


@dataclass
class Pair:
    """The real Prometheus, a stand-in given its very samples, and a stand-in that scraped for itself."""

    real_url: str
    copy: Prometheus
    own: Prometheus
    at_seconds: float


def fetch(url: str, query: str, at_seconds: float) -> httpx.Response:
    return httpx.get(f"{url}/api/v1/query", params={"query": query, "time": at_seconds})


def result(response: httpx.Response) -> object:
    """Reduce an answer to what two servers must agree on: kind, label sets and numbers, in no order."""
    body = response.json()
    if body["status"] == "error":
        return response.status_code, body["errorType"]
    data = body["data"]
    if data["resultType"] == "scalar":
        return "scalar", data["result"][0], pytest.approx(float(data["result"][1]), nan_ok=True)
    numbers = {
        json.dumps(each["metric"], sort_keys=True): pytest.approx(float(each["value"][1]), nan_ok=True)
        for each in data["result"]
    }
    return "vector", numbers


def copy_samples(real_url: str, store: SampleStore, at_seconds: float) -> None:
    series = fetch(real_url, '{__name__=~".+"}[5m]', at_seconds).json()["data"]["result"]
    for each in series:
        for at, value in each["values"]:
            store.record([(labels_of(each["metric"]), float(value))], at_ms=round(at * 1000))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    program = next(filter(None, map(shutil.which, PROMETHEUS_PROGRAMS)), None)
    if program is None:
        pytest.skip("no prometheus on the path")
    behaviours = {BAD: ImageBehaviour(error_ratio=0.25, latency_seconds=0.4)}
    with ExitStack() as running:
        cluster = running.enter_context(PodList([pod(name, BAD) for name in "abc"]).server())
        shop = running.enter_context(
            Shop(cluster_url=cluster.url, behaviours=behaviours, requests_per_second=200)
        )
        watch = Watch([shop.url], NUMBER_RULES, "http://127.0.0.1:9", "1s")
        own = running.enter_context(Prometheus(targets=[shop.url]))
        real_url = running.enter_context(real_prometheus(program, watch))

        def spans_a_window() -> object:
            held = fetch(real_url, "count_over_time(up[10s])", now_ms() / 1000).json()["data"]["result"]
            return held and float(held[0]["value"][1]) >= 7

        eventually(spans_a_window, within_seconds=40)
        at_seconds = now_ms() / 1000
        copy = running.enter_context(Prometheus(targets=[], rules=NUMBER_RULES))
        copy_samples(real_url, copy.store, at_seconds)
        yield Pair(real_url, copy, own, at_seconds)


@pytest.mark.parametrize("query", [*MAIN_QUERIES.values(), *MORE_QUERIES, *BAD_QUERIES, *IMPOSSIBLE])
def test_the_stand_in_computes_what_prometheus_computes_of_the_same_samples(pair: Pair, query: str) -> None:
    expected = result(fetch(pair.real_url, query, pair.at_seconds))
    assert result(fetch(pair.copy.url, query, pair.at_seconds)) == expected


@pytest.mark.parametrize("query", MAIN_QUERIES.values(), ids=MAIN_QUERIES.keys())
def test_the_stand_ins_own_scrapes_tell_the_same_story(pair: Pair, query: str) -> None:
    [real] = fetch(pair.real_url, query, pair.at_seconds).json()["data"]["result"]
    [own] = fetch(pair.own.url, query, pair.at_seconds).json()["data"]["result"]
    assert float(own["value"][1]) == pytest.approx(float(real["value"][1]), rel=0.15)
    assert float(own["value"][1]) > 0


def test_the_stand_in_scrapes_the_series_that_prometheus_scrapes(pair: Pair) -> None:
    def label_sets(url: str) -> set[str]:
        everything = fetch(url, '{job="sandbox"}', pair.at_seconds).json()["data"]["result"]
        return {json.dumps(each["metric"], sort_keys=True) for each in everything}

    only_real = {
        each for each in label_sets(pair.real_url) - label_sets(pair.own.url) if '"scrape_' not in each
    }
    assert only_real == set()
    assert label_sets(pair.own.url) - label_sets(pair.real_url) == set()


def test_alerts_look_and_their_numbers_are_written_as_prometheus_writes_them(pair: Pair) -> None:
    def alerts(url: str) -> list[dict[str, object]]:
        shown = httpx.get(f"{url}/api/v1/alerts").json()["data"]["alerts"]
        return sorted(
            ({**each, "activeAt": "some time"} for each in shown),
            key=lambda each: each["labels"]["alertname"],
        )

    assert len(alerts(pair.copy.url)) == len(NUMBERS)
    assert alerts(pair.copy.url) == alerts(pair.real_url)


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_cannot_be_read_is_bad_data(query: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    assert raised.value.error_type == "bad_data"


@pytest.mark.parametrize(
    "query", ["up[5m:1m]", "up @ 5", "2 ^ 3", "topk(1, up)", "absent(up)", "up offset -5m", '"up"']
)
def test_what_lies_outside_the_subset_is_refused_rather_than_guessed(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)


def test_rate_extrapolates_to_the_ends_of_its_range() -> None:
    store = store_of({"hits": [100.0, 110.0, 120.0, 130.0]}, last_ms=NOW_MS - 500)
    assert answer("rate(hits[4s])", store) == [pytest.approx(10.0)]
    assert answer("increase(hits[4s])", store) == [pytest.approx(40.0)]


def test_rate_does_not_extrapolate_to_before_the_counter_was_zero() -> None:
    store = store_of({"hits": [0.0, 10.0, 20.0]})
    assert answer("increase(hits[1m])", store) == [pytest.approx(20.0)]


def test_a_counter_that_falls_was_restarted_from_zero() -> None:
    store = store_of({"hits": [100.0, 110.0, 5.0, 15.0]})
    assert answer("increase(hits[3s])", store) == [pytest.approx(25.0)]


def test_a_single_sample_has_no_rate() -> None:
    assert answer("rate(hits[5s])", store_of({"hits": [1.0]})) == []


def test_a_series_is_forgotten_five_minutes_after_its_last_sample() -> None:
    store = store_of({"hits": [1.0]})
    assert answer("hits", store, at_ms=NOW_MS + 299_000) == [1.0]
    assert answer("hits", store, at_ms=NOW_MS + 301_000) == []


def test_a_series_that_has_ended_is_gone_at_once_and_keeps_its_past() -> None:
    store = store_of({"hits": [1.0, 2.0, None]})
    assert answer("hits", store) == []
    assert answer("hits", store, at_ms=NOW_MS - 1) == [2.0]
    assert answer("increase(hits[2s])", store) == [pytest.approx(2.0)]


def test_nothing_divided_by_nothing_is_not_a_number_and_passes_no_threshold() -> None:
    store = store_of({"hits": [0.0], "misses": [0.0]})
    assert answer("misses / hits", store) == [pytest.approx(math.nan, nan_ok=True)]
    assert answer("misses / hits > 0.05", store) == []


def test_what_is_past_retention_is_dropped() -> None:
    store = store_of({"hits": [1.0, 2.0], "gone{pod=a}": [1.0, None]})
    store.forget_old(now_ms=NOW_MS + 1_799_500)
    assert store.within(parse("hits").matchers, first_ms=0, last_ms=NOW_MS)[0][1] == [(NOW_MS, 2.0)]  # type: ignore[union-attr]
    store.forget_old(now_ms=NOW_MS + 1_801_000)
    assert store._series == {}


RULES = """
groups:
- name: shop
  rules:
  - alert: HighErrorRate
    expr: errors > 0.05
    for: 2s
    labels: {severity: critical, team: "{{ $labels.team }}"}
    annotations: {summary: "{{$labels.pod}} fails", value: "{{ $value }}"}
"""


def rule() -> AlertRule:
    [loaded] = load_rules(RULES)
    return loaded


def states(loaded: AlertRule) -> list[AlertState]:
    return [alert.state for alert in loaded.alerts.values()]


def test_an_alert_waits_fires_and_resolves() -> None:
    loaded, store = rule(), store_of({"errors{pod=a,team=payments}": [0.0, 0.1, 0.2, 0.3, 0.0]})
    seen = []
    for age in (4, 3, 2, 1, 0):
        loaded.evaluate(store, at_ms=NOW_MS - age * 1000)
        seen.append(states(loaded))
    assert seen == [
        [],
        [AlertState.PENDING],
        [AlertState.PENDING],
        [AlertState.FIRING],
        [AlertState.RESOLVED],
    ]
    [alert] = loaded.alerts.values()
    assert (alert.active_at_ms, alert.fired_at_ms, alert.resolved_at_ms) == (
        NOW_MS - 3000,
        NOW_MS - 1000,
        NOW_MS,
    )
    assert dict(alert.labels) == {
        "alertname": "HighErrorRate",
        "pod": "a",
        "severity": "critical",
        "team": "payments",
    }
    assert alert.annotations == {"summary": "a fails", "value": "0.3"}


def test_an_alert_that_ends_while_it_waits_is_never_heard_of() -> None:
    loaded, store = rule(), store_of({"errors": [0.1, 0.0]})
    loaded.evaluate(store, at_ms=NOW_MS - 1000)
    assert states(loaded) == [AlertState.PENDING]
    loaded.evaluate(store, at_ms=NOW_MS)
    assert states(loaded) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("{{ $value }}", "{{ humanize $value }}"), "humanize"),
        (("errors > 0.05", "errors >"), "parse error"),
        (("errors > 0.05", "errors[5m]"), "range vector"),
        (("for: 2s", "for: soon"), "soon"),
        (("for: 2s", "keep_firing_for: 2s"), "keep_firing_for"),
        (("alert: HighErrorRate", "record: errors:ratio"), "record"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(RulesError, match=complaint):
        load_rules(RULES.replace(*change))


def test_alerts_are_sent_on_change_and_every_minute_and_again_when_not_taken() -> None:
    loaded, store = rule(), store_of({"errors": [0.1] * 5})
    taken: list[dict[str, str]] = []
    status = 200

    def take(request: httpx.Request) -> httpx.Response:
        taken.extend(json.loads(request.content))
        return httpx.Response(status)

    client = httpx.Client(transport=httpx.MockTransport(take))
    sender = AlertSender(["http://alertmanager"], "http://prometheus", 1000, client)
    loaded.evaluate(store, at_ms=NOW_MS - 4000)
    sender.send([loaded], now_ms=NOW_MS - 4000)
    assert taken == []

    loaded.evaluate(store, at_ms=NOW_MS)
    status = 500
    sender.send([loaded], now_ms=NOW_MS)
    status = 200
    for wait_ms in (1_000, 2_000, 60_900, 61_000, 62_000):
        sender.send([loaded], now_ms=NOW_MS + wait_ms)
    assert len(taken) == 3
    assert taken[0]["startsAt"] == taken[2]["startsAt"] == "1970-01-12T13:46:40.000Z"
    assert taken[2]["endsAt"] == "1970-01-12T13:51:41.000Z"
    assert taken[0]["generatorURL"] == "http://prometheus/graph?g0.expr=errors+%3E+0.05&g0.tab=1"

    loaded.evaluate(SampleStore(), at_ms=NOW_MS + 63_000)
    sender.send([loaded], now_ms=NOW_MS + 63_000)
    assert len(taken) == 4
    assert taken[3]["endsAt"] == "1970-01-12T13:47:43.000Z"


def test_a_pod_that_is_gone_is_gone_from_the_answers_at_the_next_scrape() -> None:
    pods = PodList([pod("a"), pod("b")])
    query = 'sum by (pod) (container_memory_working_set_bytes{pod=~"checkout-.*"})'
    with (
        pods.server() as cluster,
        Shop(cluster_url=cluster.url, behaviours={}, poll_seconds=0.05) as shop,
        Prometheus(targets=[shop.url], scrape_interval_seconds=0.1) as prometheus,
    ):

        def names() -> list[str]:
            answered = httpx.get(f"{prometheus.url}/api/v1/query", params={"query": query}).json()
            return sorted(each["metric"]["pod"][-1] for each in answered["data"]["result"])

        eventually(lambda: names() == ["a", "b"])
        pods.pods = [pod("b")]
        eventually(lambda: names() == ["b"], within_seconds=5)


def test_a_target_that_is_away_is_down_and_its_series_end() -> None:
    cluster_pods = PodList([pod("a")])
    with cluster_pods.server() as cluster, ExitStack() as shopping:
        shop = shopping.enter_context(Shop(cluster_url=cluster.url, behaviours={}))
        with Prometheus(targets=[shop.url], scrape_interval_seconds=0.2) as prometheus:
            eventually(lambda: answer("up", prometheus.store, at_ms=now_ms()) == [1.0])
            shopping.close()
            eventually(lambda: answer("up", prometheus.store, at_ms=now_ms()) == [0.0])
            assert answer('{namespace="production"}', prometheus.store, at_ms=now_ms()) == []


def test_the_api_takes_queries_by_get_and_post_and_times_in_both_forms() -> None:
    with Prometheus(targets=[]) as prometheus:
        url = f"{prometheus.url}/api/v1/query"
        expected = {"status": "success", "data": {"resultType": "scalar", "result": [1000000.5, "0.25"]}}
        assert httpx.get(url, params={"query": "1/4", "time": "1000000.5"}).json() == expected
        assert httpx.post(url, data={"query": "1/4", "time": "1970-01-12T13:46:40.5Z"}).json() == expected
        refused = httpx.get(url, params={"query": "1/4", "time": "noon"})
        assert (refused.status_code, refused.json()["errorType"]) == (400, "bad_data")
        assert httpx.get(f"{prometheus.url}/-/ready").status_code == 200


@pytest.mark.parametrize(
    ("value", "as_sample", "as_alert_value", "as_template"),
    [
        (0.0, "0", "0e+00", "0"),
        (1000000.0, "1000000", "1e+06", "1e+06"),
        (0.205, "0.205", "2.05e-01", "0.205"),
        (1e-05, "0.00001", "1e-05", "1e-05"),
        (-math.inf, "-Inf", "-Inf", "-Inf"),
    ],
)
def test_a_number_is_written_in_the_way_of_its_place(
    value: float, as_sample: str, as_alert_value: str, as_template: str
) -> None:
    assert (plain(value), scientific(value), in_template(value)) == (as_sample, as_alert_value, as_template)


@pytest.mark.parametrize(("text", "milliseconds"), [("5s", 5000), ("1h30m", 5_400_000), ("250ms", 250)])
def test_durations_are_read(text: str, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "s", "5s ", "-5s", "5 s", "1.5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration_ms(text)
