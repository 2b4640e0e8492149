import json
from typing import Any

import pytest

from functions import doctor
from shared.domain import prerequisites
from shared.domain.prerequisites import Finding, State
from shared.domain.signals import Signal
from shared.domain.workloads import Owner
from tests.fakes.http_server import Answer, Request, serving
from tests.functions.installation import CHECKOUT, CONFIG, TOKENS, Installation, problem, with_tokens

CONFIGURED = """
pagerduty: {{token: "env:PD_TOKEN", from: bot@example.com, url: "{url}"}}
slack: {{token: "env:SLACK_TOKEN", channel: C0DEFAULT, url: "{url}/api"}}
support: {{slack: C0SUPPORT}}
github: {{token: "env:GITHUB_TOKEN", url: "{url}"}}
status_page: {{kind: json, url: "{url}/status", token: "env:STATUS_TOKEN"}}
approval_links: {{url: "https://backout.example.com", secret: "env:LINK_SECRET"}}
owners:
  argo_cd: {{url: "{url}", token: "env:ARGOCD_TOKEN"}}
  helm: {{program: /nowhere/helm}}
"""
SECRETS = {
    "PD_TOKEN": "s3cret-pd",
    "SLACK_TOKEN": "s3cret-slack",
    "GITHUB_TOKEN": "s3cret-github",
    "STATUS_TOKEN": "s3cret-status",
    "ARGOCD_TOKEN": "s3cret-argo-cd",
}


def answers(request: Request) -> Answer:
    bodies: dict[str, Any] = {
        "/users": {"users": [{"email": "bot@example.com"}]},
        "/api/v1/session/userinfo": {"loggedIn": True, "username": "backout"},
        "/api/v1/applications": {"items": [{"metadata": {"name": "shop"}}]},
        "/api/auth.test": {"ok": True, "team": "Shop", "user": "backout"},
        "/api/conversations.history": {"ok": True, "messages": []},
    }
    return Answer(200, json.dumps(bodies.get(request.path.partition("?")[0], {})).encode())


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@pytest.fixture
def no_cluster(tmp_path: Any) -> str:
    return str(tmp_path / "no-kubeconfig")


def test_every_part_of_a_configuration_is_looked_at(monkeypatch: pytest.MonkeyPatch, no_cluster: str) -> None:
    with_tokens(monkeypatch)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with serving(answers) as server:
        installation = Installation(config=CONFIG + CONFIGURED.format(url=server.url))
        installation.signals.says({Signal.ERROR_RATE: 0.01})
        installation.deployed_badly()
        helm = Owner("Helm", "checkout", undoes_us=False, why="it stays as it is")
        installation.workloads.update(CHECKOUT, owner=helm)
        findings = doctor.examined(installation.engine, kubeconfig=no_cluster)

    found = by_name(findings)
    well = {
        "table",
        "PagerDuty",
        "Slack",
        "Slack support channel C0SUPPORT",
        "GitHub",
        "Argo CD",
        "status page",
        "signals of checkout",
        "owner of checkout",
        "secret env:CI",
    }
    assert {name for name in well if found[name].state is not State.OK} == set()
    assert found["cluster"].state is State.BROKEN
    assert found["cluster rights in production"].state is State.MISSING
    assert found["helm program"].state is State.MISSING
    assert found["secret env:LINK_SECRET"].state is State.MISSING
    assert not prerequisites.ok(findings)
    told = repr(findings)
    assert not [value for value in (*TOKENS.values(), *SECRETS.values()) if f"'{value}'" in told]
    assert "s3cret" not in told


def test_what_is_not_configured_is_off(installation: Installation, no_cluster: str) -> None:
    found = by_name(doctor.examined(installation.engine, kubeconfig=no_cluster))

    off = {name for name, finding in found.items() if finding.state is State.OFF}
    assert off == {
        "alertmanager",
        "pagerduty",
        "slack",
        "support",
        "github",
        "status_page",
        "approval_links",
        "meetings",
        "owners.argo_cd",
        "owners.helm",
    }


def test_a_token_that_is_missing_breaks_its_integration(
    monkeypatch: pytest.MonkeyPatch, no_cluster: str
) -> None:
    with_tokens(monkeypatch)
    installation = Installation(config=CONFIG + CONFIGURED.format(url="http://127.0.0.1:9"))

    found = by_name(doctor.examined(installation.engine, kubeconfig=no_cluster))

    assert found["Slack"].state is State.MISSING
    assert "env:SLACK_TOKEN" in found["Slack"].detail


def test_it_needs_the_credential_to_read(installation: Installation) -> None:
    assert problem(installation.get("/doctor", token="alice-token"), 401)
    assert problem(installation.client.post("/doctor"), 405)


def test_over_http_it_answers_findings_and_whether_all_is_well(installation: Installation) -> None:
    installation.fake_records.away = True

    answer = installation.get("/doctor")

    assert answer.status_code == 200
    told = answer.get_json()
    assert told["ok"] is False
    table = next(finding for finding in told["findings"] if finding["name"] == "table")
    assert table["state"] == "broken"
    assert set(table) == {"name", "state", "detail", "mend"}
    assert answer.headers["Cache-Control"] == "no-store"
