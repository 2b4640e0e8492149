"""The dashboard and the alerts about Backout itself read what Backout tells of itself, and nothing else."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.adapters.recorded_prometheus import program

INFRA = Path(__file__).resolve().parents[2] / "infra"
RULES = INFRA / "prometheus" / "backout-self.yaml"
METRICS = {
    "backout_alerts_total": {"source", "outcome"},
    "backout_responses_ended_total": {"outcome"},
    "backout_decisions_total": {"row"},
    "backout_guardrails_total": {"reason"},
    "backout_duplicates_absorbed_total": set(),
    "backout_webhook_to_rollback_seconds": {"le"},
    "backout_verdicts_total": {"step", "verdict"},
    "backout_tasks_given_up_total": {"kind"},
    "backout_lease_takeovers_total": set(),
    "backout_sweep_found_total": set(),
    "backout_requests_total": {"endpoint", "status"},
    "up": set(),
}
SCRAPED = {"job", "instance"}
FUNCTIONS = {"sum", "absent", "increase", "rate", "histogram_quantile"}
WORDS = FUNCTIONS | {"by", "or", "unless", "offset"}


def dashboard() -> Any:
    return json.loads((INFRA / "grafana" / "backout.json").read_text())


def panels() -> list[Any]:
    found: list[Any] = dashboard()["panels"]
    return found


def on_the_dashboard() -> list[str]:
    """List the dashboard's queries, Grafana's own variables replaced."""
    return [
        re.sub(r"\$__(rate_interval|range)", "5m", target["expr"]).replace("$job", "backout")
        for panel in panels()
        for target in panel.get("targets", ())
    ]


def in_the_rules() -> list[str]:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return [rule["expr"] for rule in rules]


def promtool(*arguments: str | Path) -> None:
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def named(query: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that a query names."""
    bare = re.sub(r'"[^"]*"', "", query)
    labels = set(re.findall(r"(\w+)\s*=", bare))
    labels |= {label.strip() for by in re.findall(r"by \(([^)]*)\)", bare) for label in by.split(",")}
    rest = re.sub(r"by \([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", bare)
    metrics = set(re.findall(r"\b[a-z_]\w*", rest)) - WORDS
    return {re.sub(r"(?<=_seconds)_(bucket|count)$", "", metric) for metric in metrics}, labels


def taken() -> Iterator[tuple[int, int]]:
    for panel in panels():
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                yield x, y


@pytest.mark.parametrize("query", [*on_the_dashboard(), *in_the_rules()])
def test_a_query_names_only_metrics_and_labels_that_there_are(query: str) -> None:
    metrics, labels = named(query)

    assert metrics <= METRICS.keys()
    assert labels <= SCRAPED.union(*(METRICS[metric] for metric in metrics))


def test_every_metric_is_on_the_dashboard() -> None:
    assert set().union(*(named(query)[0] for query in on_the_dashboard())) == METRICS.keys()


def test_every_query_of_the_dashboard_is_valid(tmp_path: Path) -> None:
    rules = [{"record": f"panel_{i}", "expr": query} for i, query in enumerate(on_the_dashboard())]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    promtool("check", "rules", path)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = dashboard()
    ids, places = [panel["id"] for panel in panels()], list(taken())

    assert (board["uid"], board["schemaVersion"], board.get("id")) == ("backout", 39, None)
    assert [v["type"] for v in board["templating"]["list"] if v["name"] == "datasource"] == ["datasource"]
    assert len(set(ids)) == len(ids)
    assert len(set(places)) == len(places), "panels lie on each other"
    assert max(x for x, _ in places) == 23


@pytest.mark.parametrize("panel", [p for p in panels() if p["type"] != "row"], ids=lambda p: p["title"])
def test_a_panel_has_what_grafana_wants_of_it(panel: Any) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}

    assert panel["type"] in {"stat", "timeseries"}
    assert panel["datasource"] == source
    assert panel["fieldConfig"]["defaults"]["unit"] in {"short", "s", "reqps"}
    assert panel["fieldConfig"]["overrides"] == []
    assert panel["options"]
    assert [target["refId"] for target in panel["targets"]] == list("ABC")[: len(panel["targets"])]
    assert all(target["datasource"] == source for target in panel["targets"])


def test_each_trouble_of_its_own_fires_an_alert() -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", RULES.with_suffix(".test.yaml"))


def test_no_alert_about_backout_comes_back_to_it() -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]

    assert not any("signal" in rule["labels"] for rule in rules)
