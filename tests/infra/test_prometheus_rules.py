"""The rules made from the matrix: `promtool` runs them, and the intake scores what fires."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from shared.adapters.prometheus.profiles import PROFILES
from shared.domain.matrix import DEFAULT_ROWS
from tests.adapters.recorded_prometheus import program

ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "infra" / "prometheus" / "backout-rules.yaml"
TESTS = MADE.with_suffix(".test.yaml")
SHOP, POD = "production", "checkout-6d4cf56db6-x2x4v"
FIRING = 'count by (alertname, deployment) (ALERTS{alertstate="firing"})'
CONFIG = """
cluster: prod
auth: {alertmanager: "env:NOT_SET_ANYWHERE"}
guardrails: {namespaces: [production]}
services:
  - name: shop
    workload: production/deployment/checkout
    match: {app: checkout, tier: web}
    min_requests_per_minute: 20
    matrix:
      error_rate_raised: {threshold: 3%}
      error_rate_high: off
      slow: {signal: latency_p95, threshold: 800ms, action: rollback_soon, severity: P2}
    queries: {latency_p95: "scalar(max(checkout_p95_seconds))"}
"""


def run(*arguments: str | Path) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"BACKOUT_CONFIG": ""})
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def promtool(*arguments: str | Path) -> None:
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def expected() -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """List the alerts that the tests of the rules expect: row, labels and annotations."""
    return [
        (rule["alertname"], alert["exp_labels"], alert["exp_annotations"])
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for rule in test.get("alert_rule_test", ())
        for alert in rule["exp_alerts"]
    ]


def matched(folder: Path, labels: dict[str, str], annotations: dict[str, str], *options: str | Path) -> Any:
    """Return the service and the rows that Backout finds for an alert, as Alertmanager sends it."""
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": "2026-03-02T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com:9090/graph",
        "fingerprint": "d35a9f37da1342c2",
    }
    body = folder / "body.json"
    body.write_text(json.dumps({"version": "4", "groupKey": "{}", "receiver": "backout", "alerts": [alert]}))
    [result] = json.loads(run("score", body, "--json", *options))["results"]
    rows = [row["row"] for row in result["decision"]["rows"] if row["verdict"] == "matched"]
    return result["service"], result["workload"], rows


def test_the_rules_in_the_repository_are_those_that_are_made_now() -> None:
    assert run("rules") == MADE.read_text()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_rules_of_every_profile_are_valid(profile: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(run("rules", "--profile", profile))

    promtool("check", "rules", path)


@pytest.mark.parametrize("config", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_rules_of_every_example_are_valid(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(run("rules", "--config", config))

    promtool("check", "rules", path)


def test_series_above_each_threshold_fire_its_alert_and_those_below_do_not() -> None:
    promtool("test", "rules", TESTS)


def test_every_row_of_the_matrix_is_crossed() -> None:
    assert {row for row, _, _ in expected()} == {row.name for row in DEFAULT_ROWS}


@pytest.mark.parametrize(("row", "labels", "annotations"), expected(), ids=[row for row, _, _ in expected()])
def test_each_alert_that_fires_is_scored_to_its_row(
    row: str, labels: dict[str, str], annotations: dict[str, str], tmp_path: Path
) -> None:
    _, workload, rows = matched(tmp_path, {"alertname": row, **labels}, annotations)

    assert workload.endswith("production/deployment/above")
    assert rows == [row]


def test_a_raised_rate_that_has_grown_high_is_scored_as_high(tmp_path: Path) -> None:
    labels = {"alertname": "error_rate_raised", "signal": "error_rate", "deployment": "checkout"}

    assert matched(tmp_path, labels, {"value": "0.12"})[2] == ["error_rate_high"]


def test_a_service_with_an_entry_has_its_own_thresholds_and_others_the_defaults(tmp_path: Path) -> None:
    config = tmp_path / "backout.yaml"
    config.write_text(CONFIG)
    (tmp_path / "rules.yaml").write_text(run("rules", "--config", config))
    where = {"cluster": "prod", "namespace": "production"}
    ours = {**where, "deployment": "checkout", "app": "checkout", "tier": "web", "backout_service": "shop"}
    raised = {**ours, "alertname": "error_rate_raised", "signal": "error_rate", "severity": "P1"}
    slow = {**ours, "alertname": "slow", "signal": "latency_p95", "severity": "P2"}
    rate = {"value": "0.125", "summary": "production/checkout: error rate is 12.5%"}
    time = {"value": "0.9", "summary": "production/checkout: latency p95 is 900ms"}
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump(
            {
                "rule_files": ["rules.yaml"],
                "evaluation_interval": "15s",
                "tests": [
                    {
                        "interval": "15s",
                        "input_series": [
                            *requests("checkout", fine=7, failed=1),
                            *requests("cart", fine=96, failed=4),
                            *requests("cart-api", fine=7, failed=1),
                            {"series": "checkout_p95_seconds", "values": "0.9x80"},
                        ],
                        "alert_rule_test": [
                            fires("error_rate_raised", raised, rate, others=["cart-api"]),
                            fires("slow", slow, time),
                        ],
                        "promql_expr_test": [
                            {
                                "expr": FIRING,
                                "eval_time": "10m",
                                "exp_samples": [
                                    counted("error_rate_high", "cart-api"),
                                    counted("error_rate_raised", "cart-api"),
                                    counted("error_rate_raised", "checkout"),
                                    counted("slow", "checkout"),
                                ],
                            }
                        ],
                    }
                ],
            }
        )
    )

    promtool("test", "rules", tmp_path / "test.yaml")

    for labels, annotations in ((raised, rate), (slow, time)):
        service, _, rows = matched(tmp_path, labels, annotations, "--config", config)
        assert (service, rows) == ("shop", [labels["alertname"]])


@pytest.mark.parametrize(
    ("profile", "counter", "labels", "status"),
    [
        ("http_requests", "http_requests_total", {"namespace": SHOP, "pod": POD}, "code"),
        (
            "istio",
            "istio_requests_total",
            {
                "reporter": "destination",
                "destination_workload_namespace": SHOP,
                "destination_workload": "checkout",
                "namespace": "istio-system",
            },
            "response_code",
        ),
        (
            "nginx",
            "nginx_ingress_controller_requests",
            {"namespace": "ingress", "exported_namespace": SHOP, "exported_service": "checkout"},
            "status",
        ),
        (
            "nginx",
            "nginx_ingress_controller_requests",
            {"namespace": "ingress", "exported_namespace": SHOP, "service": "checkout"},
            "status",
        ),
        ("nginx", "nginx_ingress_controller_requests", {"namespace": SHOP, "service": "checkout"}, "status"),
        (
            "otel",
            "http_server_request_duration_seconds_count",
            {"k8s_namespace_name": SHOP, "k8s_deployment_name": "checkout"},
            "http_response_status_code",
        ),
    ],
)
def test_every_profile_finds_the_deployment_by_its_series(
    profile: str, counter: str, labels: dict[str, str], status: str, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(run("rules", "--profile", profile))
    where = ",".join(f'{name}="{value}"' for name, value in labels.items())
    series = [
        {"series": f'{counter}{{{where},{status}="{code}"}}', "values": f"0+{grows}x80"}
        for code, grows in (("200", 7), ("503", 1))
    ]
    found = {"error_rate_high": "P0", "error_rate_raised": "P1"}
    test = {
        "interval": "15s",
        "input_series": series,
        "alert_rule_test": [
            fires(
                alert,
                {"namespace": SHOP, "deployment": "checkout", "signal": "error_rate", "severity": severity},
                {"value": "0.125", "summary": f"{SHOP}/checkout: error rate is 12.5%"},
            )
            for alert, severity in found.items()
        ],
        "promql_expr_test": [
            {
                "expr": FIRING,
                "eval_time": "10m",
                "exp_samples": [counted(alert, "checkout") for alert in found],
            }
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))

    promtool("test", "rules", tmp_path / "test.yaml")


def test_a_row_without_a_query_is_told_and_has_no_alert() -> None:
    made = run("rules", "--profile", "none")

    assert "# backout: no query for latency_p95, which the row latency_p95 is about\n" in made
    alerts = {rule["alert"] for rule in yaml.safe_load(made)["groups"][0]["rules"] if "alert" in rule}
    assert alerts == {"critical_function_broken", "security_vulnerability"}


def test_an_unknown_profile_is_refused() -> None:
    ran = CliRunner().invoke(app, ["rules", "--profile", "grpc"])

    assert ran.exit_code == 1
    assert "'grpc' is not a query profile" in ran.output


def requests(deployment: str, *, fine: int, failed: int) -> list[dict[str, str]]:
    """Count requests every 15 s."""
    pod = f'namespace="production",pod="{deployment}-6d4cf56db6-x2x4v"'
    return [
        {"series": f'http_requests_total{{{pod},code="{code}"}}', "values": f"0+{grows}x80"}
        for code, grows in (("200", fine), ("503", failed))
    ]


def fires(
    alert: str, labels: dict[str, str], annotations: dict[str, str], others: list[str] | None = None
) -> dict[str, Any]:
    """Expect an alert, and the like of Deployments that have no entry."""
    kept = {name: value for name, value in labels.items() if name != "alertname"}
    exp_alerts = [{"exp_labels": kept, "exp_annotations": annotations}]
    for other in others or ():
        own = {k: v for k, v in kept.items() if k in {"cluster", "namespace", "signal", "severity"}}
        told = {name: text.replace("checkout", other) for name, text in annotations.items()}
        exp_alerts.append({"exp_labels": {**own, "deployment": other}, "exp_annotations": told})
    return {"eval_time": "10m", "alertname": alert, "exp_alerts": exp_alerts}


def counted(alert: str, deployment: str) -> dict[str, Any]:
    return {"labels": f'{{alertname="{alert}", deployment="{deployment}"}}', "value": 1}
