"""The alarms on AWS: each is told of where people look for it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


class Loader(yaml.SafeLoader):
    """Reads a template; what CloudFormation's tags stand for is left out."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, node: node.value)


def read(path: str) -> Any:
    """Return a file of the deployment."""
    return yaml.load((ROOT / path).read_text(), Loader)


def alarms() -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms, by their names without the stage."""
    resources = read("infra/aws/alarms.yml")["Resources"].values()
    found = [r["Properties"] for r in resources if r["Type"].endswith("::Alarm")]
    return {each["AlarmName"].removeprefix("${self:custom.name}-"): each for each in found}


@pytest.mark.parametrize("page", ["deploying.md", "operations.md"])
def test_every_alarm_is_told_of_by_its_name(page: str) -> None:
    section = (ROOT / "docs" / page).read_text().split("\n## Alarms\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == sorted(alarms())


def test_an_alarm_and_the_dashboard_look_where_the_functions_of_their_stage_count() -> None:
    counted = read("serverless.yml")["provider"]["environment"]["BACKOUT_METRICS_NAMESPACE"]
    looked = {each.get("Namespace", "AWS/") for each in alarms().values()}
    dashboard = read("infra/aws/dashboard.yml")["Resources"]["Dashboard"]["Properties"]
    body = dashboard["DashboardBody"]["Fn::Sub"]
    searched = set(re.findall(r"SEARCH\('\{(.+?),\w+\}", body))

    assert {name for name in looked if not name.startswith("AWS/")} == {counted}
    assert "${self:custom.name}" in dashboard["DashboardName"]
    assert searched == {f'\\"{counted}\\"'}
    assert f'["{counted}", "sweep_found_total"]' in body
