"""Where reports and follow-ups go, as it is configured."""

import pytest

from shared.errors import ConfigurationError
from shared.settings import FollowUps, Report, ReportIssue, Settings, parse

TOP = "cluster: prod\nguardrails: {namespaces: [production]}\n"
GITHUB = "github: {token: env:T}\n"
SERVICE = "services: [{name: a, workload: production/deployment/a}]\n"


def parsed(text: str) -> Settings:
    return parse(f"{TOP}{text}")


def test_by_default_no_report_is_filed_and_follow_ups_are_told() -> None:
    assert parsed("").report == Report()
    assert parsed("").follow_ups == FollowUps(in_github=False)


def test_the_report_is_filed_where_it_is_said() -> None:
    text = (
        "report: {github: {repository: shop/incidents, labels: [incident]}, directory: /reports, after: 10m}"
    )
    template = ".github/ISSUE_TEMPLATE/incident.yml"
    issue = ReportIssue("shop/incidents", template, ("incident",))
    assert parsed(GITHUB + text).report == Report(issue, "/reports", 600.0)


def test_follow_ups_are_one_issue_or_one_for_each_or_off() -> None:
    assert parsed(f"{GITHUB}follow_ups: {{repository: shop/incidents}}").follow_ups == FollowUps(
        in_github=True, repository="shop/incidents"
    )
    each = parsed(f"{GITHUB}follow_ups: {{as: issues, labels: [aftercare]}}").follow_ups
    assert each == FollowUps(in_github=True, labels=("aftercare",), each=True)
    assert parsed("follow_ups: off").follow_ups is None


def test_the_owner_is_the_teams() -> None:
    assert parsed("teams: {shop: {owner: octo-cat}}").teams["shop"].owner == "octo-cat"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("report: {after: 25m}", "report.after: expected 0s to 20m; found 1500s"),
        ("report: {github: {repository: incidents}}", "report.github.repository: expected a repository"),
        ("follow_ups: {repository: x}", "follow_ups.repository: expected a repository"),
        ("follow_ups: {as: list}", "follow_ups.as: "),
        ("follow_ups: none", "follow_ups: "),
        ("teams: {shop: {owner: '@alice'}}", "teams.shop.owner: expected a login at GitHub"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem.replace("(", r"\(")):
        parsed(text)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("report: {github: {repository: shop/x}}", "report.github: github is not configured"),
        ("follow_ups: {repository: shop/x}", "follow_ups: github is not configured"),
        (f"{GITHUB}{SERVICE}report: {{github: {{}}}}", "report.github: names no repository, and a neither"),
        (f"{GITHUB}{SERVICE}follow_ups: {{as: issues}}", "follow_ups: names no repository, and a neither"),
    ],
)
def test_what_has_no_effect_is_warned_of(text: str, warning: str) -> None:
    assert any(told.startswith(warning) for told in parsed(text).warnings)


def test_nothing_is_warned_of_where_nothing_is_said() -> None:
    assert not [told for told in parsed(SERVICE).warnings if told.startswith(("report", "follow_ups"))]
