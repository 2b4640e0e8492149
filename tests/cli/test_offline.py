"""Commands that need no server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "tests" / "events"
FIRING = EVENTS / "alertmanager-0.25-firing.json"
CONFIG = """
cluster: prod
auth: {alertmanager: "env:NOT_SET_ANYWHERE"}
guardrails: {namespaces: [production]}
services:
  - name: shop-checkout
    workload: production/deployment/checkout
    matrix: {error_rate_high: {threshold: 50%}}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"BACKOUT_CONFIG": ""})


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "backout.yaml"
    path.write_text(CONFIG)
    return path


def test_the_program_starts_without_heavy_clients() -> None:
    heavy = ["boto3", "flask", "httpx", "kubernetes", "moto", "prometheus_client", "waitress"]
    program = f"import sys, cli.main; print([m for m in {heavy} if m in sys.modules])"

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert ran.stdout == "[]\n"


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("backout ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("show",),
        ("score", "no-such-file.json"),
        ("invoke", "--service", "checkout"),
        ("invoke", "--action", "rollback"),
        ("invoke", "--action", "rollback", "--service", "a", "--workload", "n/deployment/a"),
        ("invoke", "--action", "rollback", "--service", "a", "--signal", "error_rate"),
        ("serve", "--port", "70000"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_payload_is_scored_by_the_built_in_matrix() -> None:
    [result] = told(run("score", FIRING, "--json"))["results"]

    assert (result["service"], result["workload"]) == ("checkout", "production/deployment/checkout")
    assert (result["decision"]["action"], result["decision"]["severity"]) == ("rollback_now", "P0")
    assert len(result["decision"]["rows"]) == 9


def test_a_payload_is_scored_by_the_services_own_matrix(config: Path) -> None:
    [result] = told(run("score", FIRING, "--config", config, "--json"))["results"]

    assert result["service"] == "shop-checkout"
    assert result["decision"]["action"] == "rollback_soon"


def test_people_see_every_row_with_reading_threshold_and_verdict() -> None:
    text = run("score", FIRING).stdout

    assert "rollback_now, P0" in text
    [line] = [line for line in text.splitlines() if line.startswith("error_rate_high")]
    assert line.split() == ["error_rate_high", "12", "%", ">", "10", "%", "matched", "rollback_now", "P0"]
    assert "security_vulnerability" in text


def test_an_alert_of_no_service_is_told_as_ignored(config: Path, tmp_path: Path) -> None:
    body = tmp_path / "other.json"
    body.write_text(FIRING.read_text().replace('"production"', '"staging"'))

    assert told(run("score", body, "--config", config, "--json"))["ignored"][0]["reason"] == "unknown_service"


def test_an_alert_that_names_no_workload_is_scored_by_its_name(tmp_path: Path) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "SiteDown", "signal": "critical_function_broken", "cluster": "x"},
        "startsAt": "2026-08-22T10:00:00Z",
    }
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"alerts": [alert]}))

    [result] = told(run("score", body, "--json"))["results"]

    assert (result["service"], result["decision"]["action"]) == ("SiteDown", "rollback_now")


def test_a_payload_that_is_none_is_exit_code_1(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")

    result = run("score", body, "--json")

    assert result.exit_code == 1
    assert "alerts" in json.loads(result.stdout)["detail"]


def test_history_is_replayed_with_repeats_counted_once(tmp_path: Path) -> None:
    lines = tmp_path / "history.jsonl"
    one = json.dumps(json.loads(FIRING.read_text()))
    lines.write_text(f"{one}\n{one}\n")
    several = EVENTS / "alertmanager-0.34-several-services.json"

    totals = told(run("replay", lines, several, "--json"))

    assert (totals["deliveries"], totals["repeats"], totals["alerts"]) == (3, 1, 5)
    assert {row["service"]: row["action"] for row in totals["decisions"]} == {
        "checkout": "rollback_now",
        "payments": "rollback_soon",
        "search": "none",
    }
    assert "3 deliveries, 1 of them repeats" in run("replay", lines, several).stdout


def test_a_bad_line_of_history_is_named(tmp_path: Path) -> None:
    lines = tmp_path / "history.jsonl"
    lines.write_text(json.dumps(json.loads(FIRING.read_text())) + "\n{}\n")

    result = run("replay", lines)

    assert result.exit_code == 1
    assert "line 2" in result.stderr


def test_a_valid_configuration_is_told_with_what_it_lacks(config: Path) -> None:
    found = told(run("config", "check", config, "--json"))

    assert found["valid"] is True
    assert found["services"] == [
        {
            "name": "shop-checkout",
            "workload": "production/deployment/checkout",
            "mode": "observe",
            "team": None,
        }
    ]
    assert any("auth.invoke" in warning for warning in found["warnings"])
    assert any("env:NOT_SET_ANYWHERE" in missing for missing in found["missing_secrets"])
    assert "shop-checkout" in run("config", "check", config).stdout


def test_every_secret_that_is_missing_is_told_wherever_it_is_named(tmp_path: Path) -> None:
    config = tmp_path / "backout.yaml"
    config.write_text(
        """
        cluster: prod
        github: {token: "env:NO_GITHUB_TOKEN"}
        meetings: {from: backout@example.com, smtp: {host: smtp, user: me, password: "env:NO_PASSWORD"}}
        teams: {payments: {escalation: {cto: {webhook: "env:NO_CTO"}}}}
        """
    )

    missing = " ".join(told(run("config", "check", config, "--json"))["missing_secrets"])

    assert [name in missing for name in ("NO_GITHUB_TOKEN", "NO_PASSWORD", "NO_CTO")] == [True] * 3


def test_an_invalid_configuration_is_exit_code_1_with_every_problem(tmp_path: Path) -> None:
    config = tmp_path / "backout.yaml"
    config.write_text("cluster: prod\ntiming: {hold: 5h}\nservices: [{name: a, workload: b}]")

    result = run("config", "check", config, "--json")

    assert result.exit_code == 1
    problems = "\n".join(json.loads(result.stdout)["problems"])
    assert "timing.hold" in problems
    assert "services[0].workload" in problems
    assert run("config", "check", config).exit_code == 1
