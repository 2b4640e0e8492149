"""What is configured for the verification checklist: Alertmanager, the support channel, errors in logs."""

import pytest

from shared.domain.services import LOG_ERRORS
from shared.errors import ConfigurationError
from shared.settings import SecretRef, Settings, parse

HEAD = """
cluster: prod
guardrails: {namespaces: [production]}
auth: {alertmanager: env:A, invoke: env:B, read: env:C}
prometheus: {url: "http://prometheus"}
"""
SERVICE = "services: [{name: checkout, workload: production/deployment/checkout%s}]"


def service_of(text: str) -> str:
    return parse(HEAD + text).services[0].log_errors


def warned(settings: Settings) -> set[str]:
    return {warning for warning in settings.warnings if "support" in warning}


def test_alertmanager_is_an_address_and_headers_with_references() -> None:
    more = (
        """alertmanager: {url: "http://am:9093/", headers: {Authorization: "env:AM", X-Scope-OrgID: shop}}"""
    )
    found = parse(HEAD + more).alertmanager

    assert found is not None
    assert found.url == "http://am:9093"
    assert found.headers == {"Authorization": "env:AM", "X-Scope-OrgID": "shop"}
    assert isinstance(found.headers["Authorization"], SecretRef)
    assert parse(HEAD).alertmanager is None


def test_a_support_channel_is_everyones_or_a_teams() -> None:
    more = """
slack: {token: env:T, channel: C0ALL}
support: {slack: C0SUPPORT}
teams: {payments: {support: {slack: C0PAYHELP}}, shop: {}}
"""
    found = parse(HEAD + more)

    assert found.support_channel == "C0SUPPORT"
    assert {name: team.support_channel for name, team in found.teams.items()} == {
        "payments": "C0PAYHELP",
        "shop": "",
    }
    assert not warned(found)


def test_a_support_channel_without_slack_is_warned_of() -> None:
    more = "support: {slack: C0SUPPORT}\nteams: {payments: {support: {slack: C0PAYHELP}}}"

    assert len(warned(parse(HEAD + more))) == 2


def test_errors_in_logs_are_said_by_a_service_or_for_all() -> None:
    own = ", logs: {errors: 'status=5..'}"
    everyones = "defaults: {logs: {errors: BAD}}\n"

    assert service_of(SERVICE % "") == LOG_ERRORS
    assert service_of(everyones + SERVICE % "") == "BAD"
    assert service_of(everyones + SERVICE % own) == "status=5.."
    assert service_of(everyones + SERVICE % ", logs: {errors: off}") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alertmanager: {url: am:9093}", "alertmanager.url: expected a URL"),
        ("alertmanager: {}", "alertmanager"),
        (
            'alertmanager: {url: "http://am", headers: {Authorization: s3cret}}',
            "alertmanager.headers.Authorization: expected a reference",
        ),
        ('support: {slack: "#support"}', "support.slack: expected a Slack channel"),
        ('teams: {a: {support: {slack: "#a"}}}', "teams.a.support.slack: expected a Slack channel"),
        ("defaults: {logs: {errors: '('}}", "defaults.logs.errors: expected a regular expression or off"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse(HEAD + text)

    assert told in str(wrong.value)
    assert "s3cret" not in str(wrong.value)
