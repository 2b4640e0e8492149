"""Warnings: what a configuration may say and probably does not mean."""

from collections.abc import Iterator

from shared.domain.services import Mode, Service
from shared.domain.workloads import KINDS
from shared.settings.model import Settings, Team


def warnings(settings: Settings) -> Iterator[str]:
    """Yield each warning as ``path: sentence``."""
    if not settings.rails.namespaces:
        yield "guardrails.namespaces: is empty, so nothing can ever be touched"
    for name in ("alertmanager", "invoke", "read"):
        credential = getattr(settings.auth, name)
        if credential is None:
            yield f"auth.{name}: is not configured, so its endpoints answer 503"
        elif credential.open:
            yield f"auth.{name}: none is honoured on loopback only"
    yield from _of_integrations(settings)
    for name, team in settings.teams.items():
        yield from (f"teams.{name}.{warning}" for warning in _of_team(team, settings))
    incidents: dict[str, int] = {}
    for i, service in enumerate(settings.services):
        first = incidents.setdefault(service.pagerduty_service, i) if service.pagerduty_service else i
        if first != i:
            both = f"pagerduty_service is also that of services[{first}], so an incident is about both"
            yield f"services[{i}] ({service.name}): {both}"
        for warning in _of(service, settings):
            yield f"services[{i}] ({service.name}): {warning}"


def _of(service: Service, settings: Settings) -> Iterator[str]:
    ref = service.workload
    if ref.namespace not in settings.rails.namespaces:
        yield f"namespace {ref.namespace} is not in guardrails.namespaces, so it can never be touched"
    if ref.kind not in KINDS:
        yield f"a {ref.kind} cannot be rolled back; {', '.join(KINDS)} can"
    if service.trust_alerts and service.measured:
        yield "trust_alerts has no effect where signals are measured"
    if service.mode is Mode.AUTO and not service.measured and not service.trust_alerts:
        yield "nothing is measured and trust_alerts is false, so a person is always asked"
    yield from _of_people(service, settings)


def _of_integrations(settings: Settings) -> Iterator[str]:
    auth = settings.auth
    if settings.slack and auth.slack is None:
        yield "slack: auth.slack is not configured, so the buttons in Slack do nothing"
    if settings.support_channel and not settings.slack:
        yield "support.slack: slack is not configured, so nobody is heard there"
    if settings.pagerduty and auth.pagerduty is None:
        yield "pagerduty: auth.pagerduty is not configured, so PagerDuty's webhook is answered 503"
    if auth.pagerduty and not settings.pagerduty and not any(s.pagerduty_service for s in settings.services):
        yield "auth.pagerduty: without pagerduty or a pagerduty_service no incident finds its service"
    yield from _of_paperwork(settings)
    if settings.meetings and not any(team.attendees for team in settings.teams.values()):
        yield "meetings: no team has meeting.attendees, so nobody is invited"
    if auth.github and not (settings.github and settings.github.app):
        yield "auth.github: without github.app GitHub lets no deployment be answered"
    if settings.status_page and not any(
        service.customer_facing for service in (settings.defaults, *settings.services)
    ):
        yield "status_page: no service is customer_facing, so nothing is published but by annotation"


def _of_paperwork(settings: Settings) -> Iterator[str]:
    filed = {"report.github": settings.report.github, "follow_ups": settings.follow_ups}
    for name, place in filed.items():
        if place is None or (name == "follow_ups" and not getattr(place, "in_github", True)):
            continue
        without = [s.name for s in settings.services if not s.repository and not place.repository]
        if not settings.github:
            yield f"{name}: github is not configured, so no issue is filed"
        elif without:
            yield f"{name}: names no repository, and {', '.join(without)} neither, so no issue is filed"


def _of_team(team: Team, settings: Settings) -> Iterator[str]:
    if team.support_channel and not settings.slack:
        yield "support.slack: slack is not configured, so nobody is heard there"
    if (team.slack_channel or team.approvers) and not settings.slack:
        yield "slack: slack is not configured, so it has no effect"
    if team.attendees and not settings.meetings:
        yield "meeting: meetings is not configured, so nobody is invited"
    for level, contact in team.escalation.items():
        if contact.slack and not settings.slack:
            yield f"escalation.{level}.slack: slack is not configured, so nobody can be called there"
        if not (contact.pagerduty_policy or contact.pagerduty_user):
            continue
        if not settings.pagerduty:
            yield f"escalation.{level}: pagerduty is not configured, so nobody can be called there"
        elif not settings.pagerduty.routing_key:
            yield f"escalation.{level}: without pagerduty.routing_key only what has an incident is escalated"


def _of_people(service: Service, settings: Settings) -> Iterator[str]:
    team = settings.teams.get(service.team, Team())
    if service.mode is Mode.APPROVE and settings.slack and not team.approvers:
        approvers = f"teams.{service.team}.slack.approvers" if service.team else "its team"
        yield f"mode approve, and nobody may answer in Slack: {approvers} is empty"
    if service.flags and not settings.flags:
        yield "flags: no vendor of feature flags is configured (flags at the top), so none is switched"
    if service.reverts and not settings.github:
        yield "github.revert: github is not configured, so nothing is reverted"
    if service.github_issue and not settings.github:
        yield "github: github is not configured, so nothing is written to its issue"
    if service.status_components and not settings.status_page:
        yield "status_components: status_page is not configured, so nothing is published"
    elif service.status_components and not service.customer_facing:
        yield "status_components: only what is customer_facing is published"
