"""The Alertmanager configuration: `amtool` takes it, and Alertmanager does what it says."""

import subprocess
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

from sandbox.servers import running_program
from shared.intake import alertmanager
from tests.adapters.recorded_prometheus import program
from tests.sandbox.endpoints import Webhook, eventually

FILE = Path(__file__).resolve().parents[2] / "infra" / "alertmanager" / "alertmanager.yml"


def configuration() -> Any:
    return yaml.safe_load(FILE.read_text())


def test_it_is_valid() -> None:
    ran = subprocess.run(
        [program("amtool"), "check-config", FILE], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_backout_relies_on_is_said() -> None:
    [webhook] = configuration()["receivers"][1]["webhook_configs"]

    assert webhook["send_resolved"]
    assert webhook["max_alerts"] == 0
    assert webhook["http_config"]["authorization"]["type"] == "Bearer"
    assert webhook["url"].endswith("/alertmanager")


def test_one_workloads_alerts_come_in_one_message_with_the_credential(tmp_path: Path) -> None:
    changed, webhook = configuration(), Webhook()
    [hook] = changed["receivers"][1]["webhook_configs"]
    changed["route"]["routes"][0]["group_wait"] = "500ms"
    hook["http_config"]["authorization"]["credentials_file"] = "token"
    (tmp_path / "token").write_text("t0p\n")
    with webhook.server() as receiver:
        hook["url"] = f"{receiver.url}/alerts"
        (tmp_path / "alertmanager.yml").write_bytes(msgspec.yaml.encode(changed))
        arguments = ["--config.file=alertmanager.yml", "--storage.path=store", "--cluster.listen-address="]
        with running_program(program("prometheus-alertmanager"), arguments, home=tmp_path) as url:
            where = {"namespace": "production", "deployment": "checkout"}
            alerts = [
                {"labels": {**where, "alertname": "error_rate_high", "signal": "error_rate"}},
                {"labels": {**where, "alertname": "latency_p95", "signal": "latency_p95"}},
                {"labels": {**where, "alertname": "PodsPending"}},
            ]
            httpx.post(f"{url}/api/v2/alerts", json=alerts).raise_for_status()
            eventually(lambda: webhook.bodies)

    [body] = webhook.bodies
    told = alertmanager.parse(msgspec.json.encode(body), signals_by_alert={})
    assert {alert.name for alert in told.alerts} == {"error_rate_high", "latency_p95"}
    assert webhook.credentials == ["Bearer t0p"]
