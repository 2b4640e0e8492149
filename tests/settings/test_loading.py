import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from shared.domain.matrix import Action, Matrix, Severity
from shared.domain.services import DEFAULT_ALIASES, Mode, Timing
from shared.domain.signals import Signal
from shared.domain.workloads import WorkloadRef
from shared.errors import ConfigurationError
from shared.settings import Credential, SecretRef, Settings, Team, load, parse

WHOLE = """
cluster: prod
prometheus: {url: "http://prometheus:9090", headers: {X-Scope-OrgID: shop}}
auth: {alertmanager: ["env:AM_TOKEN"], invoke: {ci: "env:CI_TOKEN"}, read: ["env:READ_TOKEN"]}
timing: {hold: 3m, verify: 3m, stabilise: 5m, poll: 5s, cooldown: 15m, recent_rollout: 4h}
guardrails: {namespaces: [production], storm: {rollbacks: 3, per: 10m}}
labels: {namespace: [namespace, exported_namespace], deployment: [deployment, destination_workload]}
defaults: {mode: observe, queries: http_requests, min_requests_per_minute: 10}   # a query profile
teams: {payments: {timezone: Europe/Berlin}}
services:
  - name: checkout
    team: payments
    match: {namespace: production, deployment: checkout}      # alert labels, after the aliases above
    workload: production/deployment/checkout
    mode: auto
    customer_facing: true
    health: ["https://api.example.com/health"]
    queries: {error_rate: {query: 'sum(rate(http_requests_total{...}[1m])) / ...', window: 1m}}
"""

SMALL = """
cluster: prod
guardrails: {namespaces: [production]}
services:
  - {name: checkout, workload: production/deployment/checkout}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        parse(text)
    return str(refused.value).splitlines()[1:]


def service(lines: str, *, top: str = "") -> Settings:
    indented = "\n".join(f"    {line}" for line in lines.strip().splitlines())
    return parse(
        f"cluster: prod\n{top}\nservices:\n  - name: a\n    workload: production/deployment/a\n{indented}\n"
    )


def test_a_whole_file_becomes_settings() -> None:
    settings = parse(WHOLE)

    (checkout,) = settings.services
    assert settings.cluster == "prod"
    assert checkout.workload == WorkloadRef("prod", "production", "deployment", "checkout")
    assert checkout.match == {"namespace": "production", "deployment": "checkout"}
    assert (checkout.mode, checkout.team, checkout.customer_facing) == (Mode.AUTO, "payments", True)
    assert checkout.health == ("https://api.example.com/health",)
    assert checkout.queries["error_rate"].query == "sum(rate(http_requests_total{...}[1m])) / ..."
    assert (checkout.profile, checkout.measured, checkout.timing) == ("http_requests", True, Timing())
    assert settings.rails.namespaces == ("production",)
    assert (settings.rails.storm_limit, settings.rails.storm_per) == (3, timedelta(minutes=10))
    assert settings.aliases["deployment"] == ("deployment", "destination_workload")
    assert settings.aliases["service"] == DEFAULT_ALIASES["service"]
    assert settings.teams == {"payments": Team("Europe/Berlin")}
    assert settings.prometheus is not None
    assert settings.prometheus.headers == {"X-Scope-OrgID": "shop"}
    assert settings.auth.alertmanager == Credential({"alertmanager": (SecretRef("env:AM_TOKEN"),)})
    assert settings.auth.invoke == Credential({"ci": (SecretRef("env:CI_TOKEN"),)})
    assert settings.auth.pagerduty is None
    assert settings.warnings == ()


def test_what_is_left_out_is_safe() -> None:
    settings = parse("cluster: prod")

    assert settings.defaults.mode is Mode.OBSERVE
    assert settings.rails.namespaces == ()
    assert (settings.auth.alertmanager, settings.auth.invoke, settings.auth.read) == (None, None, None)
    assert settings.defaults.matrix == Matrix()
    assert not settings.defaults.measured


def test_all_problems_are_told_at_once_by_their_paths() -> None:
    found = problems(
        """
        clutser: prod
        auth: {invoke: {ci: 7}, slak: env:X}
        timing: {hold: soon}
        guardrails: {namespaces: production, storm: {rollbacks: many}}
        alerts: {Slow: latency}
        teams: {payments: {timezone: UTC, timezoen: x}}
        services:
          - {name: a, workload: production/deployment/a, mode: atuo}
          - {name: b, workload: production/deployment/b, timing: {poll: 5 seconds}}
          - {nam: c}
          - checkout
        """
    )

    assert [line.removeprefix("- ").split(": ")[0] for line in found] == [
        "clutser",
        "cluster",
        "auth.slak",
        "auth.invoke.ci",
        "guardrails.namespaces",
        "guardrails.storm.rollbacks",
        "alerts.Slow",
        "timing.hold",
        "teams.payments.timezoen",
        "services[0].mode",
        "services[1].timing.poll",
        "services[2].nam",
        "services[2].name",
        "services[2].workload",
        "services[3]",
    ]
    assert "did you mean cluster?" in found[0]
    assert "one of observe, approve, auto; found 'atuo'" in found[9]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('cluster: ""', "cluster: expected"),
        ("timing: {hold: 4m}", "timing.hold: expected 0s to 3m; found 4m"),
        ("timing: {poll: 3m}", "timing.stabilise: expected at least two polls (6m)"),
        ("guardrails: {storm: {rollbacks: -1}}", "guardrails.storm.rollbacks"),
        ("guardrails: {storm: {per: 40d}}", "guardrails.storm.per"),
        (
            "guardrails: {maintenance: [{days: [sat], from: '25:00', to: '06:00'}]}",
            "guardrails.maintenance[0].from",
        ),
        (
            "guardrails: {maintenance: [{days: [sat], from: '22', to: '06:00'}]}",
            "guardrails.maintenance[0].from",
        ),
        (
            "guardrails: {maintenance: [{days: [], from: '22:00', to: '06:00'}]}",
            "guardrails.maintenance[0].days",
        ),
        (
            "guardrails: {maintenance: [{days: [sat], from: '22:00', to: '6:00', timezone: ../x}]}",
            "guardrails.maintenance[0].timezone",
        ),
        ("teams: {a: {timezone: Mars/Base}}", "teams.a.timezone"),
        (
            "defaults: {team: paymnts}\nteams: {payments: {}}",
            "defaults.team: 'paymnts' is not known; did you mean payments?",
        ),
        (
            "defaults: {queries: istoi}",
            "defaults.queries: expected http_requests, istio, nginx, otel, none or a mapping",
        ),
        ("defaults: {min_requests_per_minute: -1}", "defaults.min_requests_per_minute"),
        ("defaults: {min_requests_per_minute: nan}", "defaults.min_requests_per_minute"),
        ("defaults: {targets: {error_rate: 5}}", "defaults.targets.error_rate: expected a ratio up to 1"),
        ("defaults: {targets: {latency_p95: 5%}}", "defaults.targets.latency_p95: expected a duration"),
        ("matrix: {error_rat: {threshold: 5%}}", "matrix.error_rat: 'error_rat' is not known"),
        ("matrix: {foo: off}", "matrix.foo: 'foo' is not known"),
        (
            "matrix: {error_rate_high: {threshold: 8}}",
            "matrix.error_rate_high.threshold: expected a ratio up to 1",
        ),
        ("matrix: {error_rate_high: {threshold: 4%}}", "matrix: row error_rate_raised"),
        ("matrix: {latency_p95: {threshold: 8%}}", "matrix.latency_p95.threshold: expected a duration"),
        (
            "matrix: {http_5xx_per_minute: {threshold: 2/s}}",
            "matrix.http_5xx_per_minute.threshold: expected a count",
        ),
        ("matrix: {critical_function_broken: {threshold: 1}}", "matrix.critical_function_broken.threshold"),
        ("matrix: {cpu_usage: nope}", "matrix.cpu_usage: expected off, false or a mapping; found 'nope'"),
        ("matrix: {cpu_usage: {signal: latency_p95}}", "matrix.cpu_usage.threshold: is missing"),
        ("prometheus: {url: 'prometheus:9090'}", "prometheus.url: expected a URL"),
        ("prometheus: {url: 'http://p', timeout: 1m}", "prometheus.timeout"),
        ("prometheus: {url: 'http://p', window: 0}", "prometheus.window"),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, told: str) -> None:
    found = problems(text if "cluster" in text else f"cluster: prod\n{text}")

    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("match: {}", "services[0].match: expected at least one label"),
        ('match: {app: ""}', "services[0].match.app"),
        ("health: [api.example.com]", "services[0].health[0]: expected a URL"),
        ("team: nobody", "services[0].team"),
        (
            "queries: {error_rat: x}",
            "services[0].queries.error_rat: 'error_rat' is not known; did you mean error_rate",
        ),
        ("customer_facing: yes", "services[0].customer_facing: expected true or false; found 'yes'"),
    ],
)
def test_what_a_service_cannot_mean_is_told(lines: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        service(lines)
    assert told in str(refused.value)


def test_a_workload_is_written_in_three_parts_and_names_and_matches_are_distinct() -> None:
    found = problems(
        """
        cluster: prod
        services:
          - {name: a, workload: production/deployment/a}
          - {name: a, workload: production/deployment/b}
          - {name: c, workload: production/deployment/a}
          - {name: d, workload: checkout}
        """
    )

    assert found[0].startswith("- services[3].workload: 'checkout' is not namespace/kind/name")
    assert found[1] == "- services[1].name: 'a' is also services[0]"
    assert found[2] == "- services[2]: has the match and the workload of services[0]"


@pytest.mark.parametrize(
    "text",
    [
        "auth: {alertmanager: hunter2}",
        "auth: {alertmanager: [hunter2]}",
        "auth: {invoke: {alice: hunter2}}",
        "auth: {invoke: {alice: [hunter2]}}",
        "auth: {slack: hunter2}",
        "auth: {slack: [[hunter2]]}",
        "people: {webhook: 'https://chat.example.com/hunter2'}",
        "people: {headers: {Authorization: hunter2}}",
        "prometheus: {url: 'http://p', headers: {authorization: Bearer hunter2}}",
        "prometheus: {url: 'http://me:hunter2@p'}",
        "auth: {alertmanager: hunter2: x}",
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(f"cluster: prod\n{text}")
    assert "hunter2" not in str(refused.value)


def test_only_doors_that_people_use_may_be_left_open() -> None:
    settings = parse("cluster: prod\nauth: {read: none}")

    assert settings.auth.read == Credential(open=True)
    assert problems("cluster: prod\nauth: {slack: none}")


def test_secrets_are_not_looked_up_when_the_file_is_loaded() -> None:
    assert "BACKOUT_NOT_SET" not in os.environ

    assert parse("cluster: prod\nauth: {read: env:BACKOUT_NOT_SET}").auth.read


def test_the_nearer_word_wins() -> None:
    settings = parse(
        """
        cluster: prod
        timing: {poll: 1s, verify: 1m}
        matrix: {cpu_usage: off, error_rate_high: {threshold: 20%}}
        defaults: {mode: approve, timing: {verify: 2m}, matrix: {error_rate_high: {threshold: 15%}}}
        services:
          - name: a
            workload: production/deployment/a
            mode: auto
            timing: {stabilise: 1m}
            matrix: {error_rate_high: {threshold: 0.12}}
          - {name: b, workload: production/deployment/b}
        """
    )
    a, b = settings.services

    def threshold(matrix: Matrix) -> float:
        return {row.name: row.threshold for row in matrix.rows}["error_rate_high"]

    assert (a.mode, b.mode) == (Mode.AUTO, Mode.APPROVE)
    assert (a.timing.poll, a.timing.verify, a.timing.stabilise) == (1, 120, 60)
    assert b.timing.stabilise == 300
    assert (threshold(a.matrix), threshold(b.matrix)) == (0.12, 0.15)
    assert all(row.name != "cpu_usage" for row in a.matrix.rows)


def test_a_row_may_be_added_and_one_that_is_off_may_come_back() -> None:
    settings = service(
        """
        matrix:
          slow: {signal: latency_p95, threshold: 2s, action: rollback_soon, severity: P2, asks: true}
          cpu_usage: {signal: cpu_usage, threshold: 80%, action: scale_then_rollback, severity: P2}
        """,
        top="matrix: {cpu_usage: off}",
    )

    rows = {row.name: row for row in settings.services[0].matrix.rows}
    slow = rows["slow"]
    assert (slow.signal, slow.threshold, slow.asks) == (Signal.LATENCY_P95, 2.0, True)
    assert (slow.action, slow.severity) == (Action.ROLLBACK_SOON, Severity.P2)
    assert rows["cpu_usage"].threshold == 0.8


def test_own_queries_stand_beside_those_of_the_profile() -> None:
    top = "prometheus: {url: 'http://p'}\ndefaults: {queries: {profile: istio, traffic: sum(x)}}"

    (a,) = service("queries: {error_rate: sum(y)}", top=top).services
    assert a.profile == "istio"
    assert {name: query.query for name, query in a.queries.items()} == {
        "traffic": "sum(x)",
        "error_rate": "sum(y)",
    }
    assert a.queries["traffic"].window_seconds == 60

    (b,) = service("queries: none", top="prometheus: {url: 'http://p'}").services
    assert not b.measured


def test_labels_are_texts_however_yaml_would_read_them() -> None:
    (a,) = service("match: {version: 1.10, env: no, day: 2024-01-01, number: 0012}").services

    assert a.match == {"version": "1.10", "env": "no", "day": "2024-01-01", "number": "0012"}


def test_a_maintenance_window_needs_no_quotes() -> None:
    settings = parse(
        "cluster: prod\nguardrails:\n  maintenance:\n"
        "    - {days: [sat], from: 22:00, to: 6:00, timezone: Europe/Berlin}"
    )

    (window,) = settings.rails.maintenance
    assert (window.days, window.start, window.end) == (frozenset({5}), time(22), time(6))
    saturday_night = datetime(2024, 1, 6, 21, 30, tzinfo=UTC)
    assert window.closes_at(saturday_night, "production") == datetime(2024, 1, 7, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected keys"),
        ("[1]", "expected keys"),
        ("cluster: prod\ncluster: other", "line 2: the key 'cluster' is written twice"),
        ("cluster: [", "line 2"),
        ("cluster: !!python/object:os.system x", "line 1"),
        ("{[a]: b}", "line 1"),
        ("cluster: \x00", "not YAML"),
    ],
)
def test_what_is_no_configuration_at_all_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match="configuration") as refused:
        parse(text)
    assert told in str(refused.value)


def test_entries_may_share_what_they_say_by_yaml_anchors() -> None:
    settings = parse(
        """
        cluster: prod
        services:
          - &a {name: a, workload: production/deployment/a, mode: auto, timing: &t {poll: 1s}}
          - {<<: *a, name: b, workload: production/deployment/b, timing: {<<: *t, verify: 1m}}
        """
    )

    b = settings.services[1]
    assert (b.name, b.mode, b.timing.poll, b.timing.verify) == ("b", Mode.AUTO, 1, 60)


def test_a_key_with_nothing_after_it_is_left_out() -> None:
    assert parse("cluster: prod\nservices:\nteams: {payments: }").teams == {"payments": Team()}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.yaml"):
        load(tmp_path / "missing.yaml")
    (tmp_path / "small.yaml").write_text(SMALL)
    assert load(tmp_path / "small.yaml") == parse(SMALL)


def test_a_workload_without_an_entry_is_treated_by_the_defaults() -> None:
    settings = parse(f"{SMALL}\ndefaults: {{mode: approve, timing: {{poll: 1s}}}}")
    ref = WorkloadRef("prod", "production", "deployment", "search")

    found = settings.discovered_service(ref, "search")
    assert (found.name, found.workload, found.discovered, found.match) == ("search", ref, True, {})
    assert (found.mode, found.timing.poll) == (Mode.APPROVE, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cluster: prod", "guardrails.namespaces: is empty"),
        (SMALL, "auth.invoke: is not configured"),
        ("cluster: prod\nauth: {invoke: none}", "auth.invoke: none is honoured on loopback only"),
        (SMALL.replace("production/", "staging/"), "services[0] (checkout): namespace staging is not in"),
        (
            SMALL.replace("/deployment/", "/cronjob/"),
            "services[0] (checkout): a cronjob cannot be rolled back",
        ),
        (SMALL + "defaults: {mode: auto}", "a person is always asked"),
        (
            SMALL + "prometheus: {url: 'http://p'}\ndefaults: {trust_alerts: true}",
            "trust_alerts has no effect where signals are measured",
        ),
    ],
)
def test_what_is_allowed_and_probably_not_meant_is_a_warning(text: str, told: str) -> None:
    assert any(told in warning for warning in parse(text).warnings)


def test_300_services_load_at_once() -> None:
    entries = "".join(f"  - {{name: s{i}, workload: production/deployment/s{i}}}\n" for i in range(300))

    assert len(parse(f"cluster: prod\nservices:\n{entries}").services) == 300


def test_loading_needs_no_client_of_the_outside() -> None:
    heavy = {"boto3", "botocore", "httpx", "kubernetes", "flask"}
    modules = "shared.settings, shared.intake.alertmanager, shared.intake.invoke, shared.intake.credentials"
    code = f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
