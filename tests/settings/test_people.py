"""Teams, and the systems where people are told and asked."""

from dataclasses import fields
from typing import get_args

import pytest

from shared.adapters.status_page import WORDING
from shared.domain.escalation import Level
from shared.errors import ConfigurationError
from shared.settings import (
    ApprovalLinks,
    Contact,
    Credential,
    Gate,
    GitHub,
    GitHubApp,
    PagerDuty,
    SecretRef,
    Settings,
    Slack,
    StatusPage,
    Team,
    parse,
    schema,
)

WHOLE = """
cluster: prod
guardrails: {namespaces: [production]}
pagerduty:
  token: env:PD_TOKEN
  from: bot@example.com
  url: https://api.eu.pagerduty.com/
  events_url: https://events.eu.pagerduty.com
  routing_key: env:PD_ROUTING_KEY
  acknowledge: true
  resolve: true
  priorities: {P0: PRIOID}
  wait_for_incident: 45s
slack: {token: env:SLACK_TOKEN, url: "http://127.0.0.1:9/api", channel: C0DEFAULT}
github: {token: env:GITHUB_TOKEN}
status_page:
  kind: statuspage
  page: PAGEID
  token: env:STATUS_TOKEN
  ask: true
  wording: {identified: "We look into {service}.", resolved: "{service} works again."}
approval_links: {url: https://backout.example.com/, secret: env:LINK_SECRET}
auth:
  alertmanager: env:A
  invoke: env:B
  read: env:C
  pagerduty: [env:D, env:E]
  pagerduty_actions: env:F
  slack: env:G
teams:
  payments:
    timezone: Europe/Berlin
    slack: {channel: C0PAY, approvers: [U01ALICE, S02PAYLEADS]}
    escalation:
      on_call: {pagerduty_policy: P1}
      team_lead: {slack: <@U77>}
      platform: {pagerduty_user: PU1}
      cto: {webhook: env:CTO_HOOK, stops_on_acknowledgement: false}
services:
  - name: checkout
    workload: production/deployment/checkout
    team: payments
    mode: approve
    customer_facing: true
    pagerduty_service: PNE3JZM
    github: {repository: shop/checkout, issue: 12}
    status_components: {cmp1: partial_outage}
"""
PAGERDUTY = "pagerduty: {token: env:T, from: bot@example.com}"
SLACK = "slack: {token: env:T, channel: C0DEFAULT}"
SERVICE = "services: [{name: a, workload: production/deployment/a, %s}]"


def parsed(text: str) -> Settings:
    return parse(f"cluster: prod\nguardrails: {{namespaces: [production]}}\n{text}")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        parsed(text)
    return str(refused.value).splitlines()[1:]


def escalation(contact: str, level: str = "team_lead") -> str:
    return f"teams: {{payments: {{escalation: {{{level}: {contact}}}}}}}"


def test_a_whole_file_becomes_settings() -> None:
    settings = parse(WHOLE)

    assert settings.pagerduty == PagerDuty(
        token=SecretRef("env:PD_TOKEN"),
        sender="bot@example.com",
        url="https://api.eu.pagerduty.com",
        events_url="https://events.eu.pagerduty.com",
        routing_key=SecretRef("env:PD_ROUTING_KEY"),
        acknowledge=True,
        resolve=True,
        priorities={"P0": "PRIOID"},
        wait_for_incident_seconds=45.0,
    )
    assert settings.slack == Slack(SecretRef("env:SLACK_TOKEN"), "C0DEFAULT", "http://127.0.0.1:9/api/")
    assert settings.github == GitHub(SecretRef("env:GITHUB_TOKEN"), "https://api.github.com")
    assert settings.status_page == StatusPage(
        kind="statuspage",
        url="https://api.statuspage.io/v1",
        page="PAGEID",
        token=SecretRef("env:STATUS_TOKEN"),
        ask=True,
        wording={"identified": "We look into {service}.", "resolved": "{service} works again."},
    )
    assert settings.approval_links == ApprovalLinks(
        "https://backout.example.com", SecretRef("env:LINK_SECRET")
    )
    assert settings.auth.pagerduty == Credential({"pagerduty": (SecretRef("env:D"), SecretRef("env:E"))})
    assert settings.warnings == ()


def test_a_team_says_where_it_reads_who_may_answer_and_who_is_called() -> None:
    assert parse(WHOLE).teams["payments"] == Team(
        timezone="Europe/Berlin",
        slack_channel="C0PAY",
        approvers=("U01ALICE", "S02PAYLEADS"),
        escalation={
            "on_call": Contact(pagerduty_policy="P1"),
            "team_lead": Contact(slack="<@U77>"),
            "platform": Contact(pagerduty_user="PU1"),
            "cto": Contact(webhook=SecretRef("env:CTO_HOOK"), stops_on_acknowledgement=False),
        },
    )


def test_a_service_says_what_it_is_called_elsewhere() -> None:
    (checkout,) = parse(WHOLE).services

    assert checkout.pagerduty_service == "PNE3JZM"
    assert checkout.github_issue == "shop/checkout#12"
    assert checkout.status_components == {"cmp1": "partial_outage"}


def test_what_is_left_out_is_off() -> None:
    settings = parse("cluster: prod")

    assert (settings.pagerduty, settings.slack, settings.github) == (None, None, None)
    assert (settings.status_page, settings.approval_links, settings.teams) == (None, None, {})
    assert not parse(WHOLE.replace("acknowledge: true", "")).pagerduty.acknowledge  # type: ignore[union-attr]


def test_nothing_is_acknowledged_or_resolved_or_published_unless_it_is_said() -> None:
    settings = parsed(f"{PAGERDUTY}\n{SLACK}")

    assert settings.pagerduty == PagerDuty(SecretRef("env:T"), "bot@example.com")
    assert settings.slack == Slack(SecretRef("env:T"), "C0DEFAULT")


def test_the_levels_that_may_be_configured_are_those_of_the_runbook_in_its_order() -> None:
    assert schema.Escalation.__struct_fields__ == tuple(Level)


def test_one_issue_may_be_that_of_every_service() -> None:
    settings = parsed(
        "defaults: {github: {repository: shop/incidents, issue: 1}}\n" + SERVICE % "mode: observe"
    )

    assert settings.services[0].github_issue == "shop/incidents#1"


def test_the_last_level_is_called_in_spite_of_an_acknowledgement_unless_it_says_otherwise() -> None:
    said = "{webhook: env:X, stops_on_acknowledgement: true}"
    (stops,) = parsed(escalation(said, "cto")).teams["payments"].escalation.values()
    (goes_on,) = parsed(escalation("{webhook: env:X}", "cto")).teams["payments"].escalation.values()

    assert (stops.stops_on_acknowledgement, goes_on.stops_on_acknowledgement) == (True, False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pagerduty: {token: env:T}", "pagerduty.from: is missing"),
        ("pagerduty: {token: env:T, from: bot}", "pagerduty.from: expected an e-mail address; found 'bot'"),
        ("pagerduty: {token: env:T, from: a@b, url: api.pagerduty.com}", "pagerduty.url: expected a URL"),
        ("pagerduty: {token: env:T, from: a@b, events_url: x}", "pagerduty.events_url: expected a URL"),
        (
            "pagerduty: {token: env:T, from: a@b, priorities: {P9: PABC}}",
            "pagerduty.priorities.P9: 'P9' is not known; known are P0, P1, P2",
        ),
        (
            "pagerduty: {token: env:T, from: a@b, priorities: {P0: high}}",
            "pagerduty.priorities.P0: expected a PagerDuty id",
        ),
        ("slack: {token: env:T}", "slack.channel: is missing"),
        ("slack: {token: env:T, channel: '#incidents'}", "slack.channel: expected a Slack channel's id"),
        ("slack: {token: env:T, channel: C0A, url: slack.com}", "slack.url: expected a URL"),
        ("github: {}", "github.token: is missing"),
        ("status_page: {kind: statuspages}", "status_page.kind: expected one of statuspage, json"),
        ("status_page: {kind: statuspage, page: x}", "status_page.token: is missing; kind statuspage"),
        ("status_page: {kind: statuspage, token: env:T}", "status_page.page: is missing; kind statuspage"),
        ("status_page: {kind: json}", "status_page.url: is missing; kind json"),
        (
            "status_page: {kind: json, url: 'http://s', wording: {solved: x}}",
            "status_page.wording.solved: 'solved' is not known; did you mean resolved?",
        ),
        (
            "status_page: {kind: json, url: 'http://s', wording: {resolved: '{sevice} is back'}}",
            "status_page.wording.resolved: expected a text, in which {service}",
        ),
        (
            "status_page: {kind: json, url: 'http://s', wording: {resolved: '{'}}",
            "status_page.wording.resolved",
        ),
        ("approval_links: {url: backout, secret: env:S}", "approval_links.url: expected a URL"),
        ("approval_links: {url: 'http://b'}", "approval_links.secret: is missing"),
        (
            "teams: {payments: {slack: {channel: payments}}}",
            "teams.payments.slack.channel: expected a Slack channel's id, like C02ABCDEF (not its name)",
        ),
        (
            "teams: {payments: {slack: {approvers: [U01ALICE, alice]}}}",
            "teams.payments.slack.approvers[1]: expected the Slack id of a user",
        ),
        (
            escalation("{slack: <@U1>}", "teamlead"),
            "escalation.teamlead: 'teamlead' is not known; did you mean team_lead? known are on_call, team_",
        ),
        (
            escalation("{slack: '@alice'}"),
            "teams.payments.escalation.team_lead.slack: expected a Slack mention",
        ),
        (
            escalation("{pagerduty_user: Alice}"),
            "escalation.team_lead.pagerduty_user: expected a PagerDuty id",
        ),
        (
            escalation("{}"),
            "team_lead: expected exactly one of pagerduty_policy, pagerduty_user, slack, webhook; found none",
        ),
        (escalation("{slack: <@U1>, webhook: env:X}"), "found slack, webhook"),
        (
            escalation("{slack: <@U1>, stops_on_acknowledgement: false}"),
            "team_lead.stops_on_acknowledgement: 'stops_on_acknowledgement' is not known",
        ),
        (SERVICE % "team: paymnts" + "\nteams: {payments: {}}", "services[0].team: 'paymnts' is not known"),
        (SERVICE % "pagerduty_service: Checkout", "services[0].pagerduty_service: expected a PagerDuty id"),
        (SERVICE % "github: {repository: checkout, issue: 1}", "services[0].github.repository: expected"),
        (SERVICE % "github: {repository: shop/checkout, issue: 0}", "services[0].github.issue: expected"),
        (SERVICE % "github: {issue: 12}", "services[0].github.repository: is missing"),
        (
            SERVICE % "status_components: {cmp1: broken}",
            "services[0].status_components.cmp1: expected one of operational, under_maintenance",
        ),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, told: str) -> None:
    (found,) = problems(text)

    assert told in found


@pytest.mark.parametrize(
    "text",
    [
        "pagerduty: {token: hunter2, from: a@b}",
        "pagerduty: {token: env:T, from: a@b, routing_key: hunter2}",
        "slack: {token: xoxb-hunter2, channel: C0A}",
        "github: {token: hunter2}",
        "status_page: {kind: json, url: 'http://s', token: hunter2}",
        "status_page: {kind: json, url: 'http://me:hunter2@s'}",
        "approval_links: {url: 'http://b', secret: hunter2}",
        escalation("{webhook: 'https://hooks.example.com/hunter2'}"),
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_shown(text: str) -> None:
    assert all("hunter2" not in problem for problem in problems(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SLACK, "slack: auth.slack is not configured, so the buttons in Slack do nothing"),
        (PAGERDUTY, "pagerduty: auth.pagerduty is not configured"),
        ("auth: {pagerduty: env:S}", "auth.pagerduty: without pagerduty or a pagerduty_service"),
        ("status_page: {kind: json, url: 'http://s'}", "status_page: no service is customer_facing"),
        ("teams: {payments: {slack: {channel: C0PAY}}}", "teams.payments.slack: slack is not configured"),
        (escalation("{slack: <@U1>}"), "teams.payments.escalation.team_lead.slack: slack is not configured"),
        (escalation("{pagerduty_user: PU1}"), "teams.payments.escalation.team_lead: pagerduty is not"),
        (
            f"{PAGERDUTY}\n{escalation('{pagerduty_user: PU1}')}",
            "escalation.team_lead: without pagerduty.routing_key only what has an incident",
        ),
        (
            f"{SLACK}\n" + SERVICE % "mode: approve",
            "services[0] (a): mode approve, and nobody may answer in Slack",
        ),
        (
            f"{SLACK}\nteams: {{payments: {{}}}}\n" + SERVICE % "mode: approve, team: payments",
            "teams.payments.slack.approvers is empty",
        ),
        (SERVICE % "github: {repository: shop/a, issue: 1}", "services[0] (a): github: github is not"),
        (
            SERVICE % "status_components: {c: operational}",
            "services[0] (a): status_components: status_page is",
        ),
        (
            "status_page: {kind: json, url: 'http://s'}\n" + SERVICE % "status_components: {c: operational}",
            "services[0] (a): status_components: only what is customer_facing is published",
        ),
    ],
)
def test_what_cannot_work_is_a_warning(text: str, told: str) -> None:
    assert any(told in warning for warning in parsed(text).warnings)


def test_an_incident_that_is_about_two_services_is_a_warning() -> None:
    entry = "{name: %s, workload: production/deployment/%s, pagerduty_service: PNE3JZM}"
    settings = parsed(f"services: [{entry % ('a', 'a')}, {entry % ('b', 'b')}]")

    assert any(
        "services[1] (b): pagerduty_service is also that of services[0]" in warning
        for warning in settings.warnings
    )


def test_every_text_that_customers_read_may_be_worded() -> None:
    assert set(schema.StatusWording.__struct_fields__) == set(WORDING)


def test_every_way_to_call_somebody_may_be_configured() -> None:
    ways = {field.name for field in fields(Contact)}

    assert {*schema.LastContact.__struct_fields__} == ways
    assert set(get_args(schema.StatusPageKind)) == {"statuspage", "json"}


GATED = """
cluster: prod
github: {token: env:GITHUB_TOKEN, app: {id: "12345", key: env:GITHUB_KEY}}
owners: {argo_cd: {url: https://argocd.example.com, token: env:ARGOCD_TOKEN}}
gate: {github: status, context: shop/gate, argo_cd: true}
auth: {github: env:HOOK}
"""


def test_what_enforces_deploy_gates_is_said_at_the_top() -> None:
    settings = parse(GATED)
    assert settings.gate == Gate(github_status=True, context="shop/gate", argo_cd=True)
    assert settings.gate.barriers == ("github", "argo_cd")
    assert settings.github is not None
    assert settings.github.app == GitHubApp("12345", SecretRef("env:GITHUB_KEY"))
    assert settings.auth.github == Credential({"github": (SecretRef("env:HOOK"),)})
    assert not [warning for warning in settings.warnings if "github" in warning]


def test_nothing_enforces_them_unless_it_is_said() -> None:
    assert parse("cluster: prod").gate.barriers == ()


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ("{github: status}", "gate.github: needs github"),
        ("{fix_opens: true}", "gate.fix_opens: needs github"),
        ("{argo_cd: true}", "gate.argo_cd: needs owners.argo_cd"),
        ("{github: checks}", "gate.github: expected one of status, off"),
        ("{context: ' '}", "gate.context: expected a name"),
    ],
)
def test_what_cannot_enforce_them_is_told(gate: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse(f"cluster: prod\ngate: {gate}")


def test_a_webhook_of_githubs_without_an_app_is_warned_of() -> None:
    settings = parse("cluster: prod\ngithub: {token: env:T}\nauth: {github: env:HOOK}")
    assert "auth.github: without github.app GitHub lets no deployment be answered" in settings.warnings
