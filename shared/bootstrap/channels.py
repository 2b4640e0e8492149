"""The channels: what the configuration names becomes who hears of what, and the adapters that tell them."""

from collections.abc import Callable, Mapping
from datetime import UTC, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING

from shared.bootstrap.renewing import renewing
from shared.domain.escalation import Escalation
from shared.domain.services import Catalogue
from shared.messages import channels, routing
from shared.messages.routing import Routing, Wants
from shared.settings import Secrets, Settings

if TYPE_CHECKING:
    from shared.ports import People
    from shared.tasks.escalate import Caller


CARRY_ALL = frozenset({"webhook", "slack", "pagerduty"})
"""Channels that carry all that people are told; GitHub and the status page carry a part of it."""


def routing_of(settings: Settings, catalogue: Catalogue) -> Routing:
    """Return which channel carries which news; the log carries all where no other channel does."""
    wants: dict[str, Wants] = {}
    if settings.people.webhook:
        wants["webhook"] = routing.always
    if settings.slack:
        wants["slack"] = channels.slack
    if settings.pagerduty:
        wants["pagerduty"] = channels.pagerduty
        if settings.pagerduty.routing_key:
            wants["pagerduty_changes"] = channels.pagerduty_changes
    if settings.github:
        wants["github"] = channels.github({s.name: s.github_issue for s in settings.services})
    if settings.status_page:
        wants["status_page"] = channels.status_page(
            lambda name: (service := catalogue.named(name)) is not None and service.customer_facing,
            ask=settings.status_page.ask,
        )
    if not wants.keys() & CARRY_ALL:
        wants["log"] = routing.always
    return Routing(
        wants,
        digests=bool(digest_channels(settings)),
        waits={"pagerduty": _grace(settings)},
    )


def digest_channels(settings: Settings) -> tuple[str, ...]:
    """Return the channels that carry digests: those that a team reads."""
    known = {"slack": settings.slack, "webhook": settings.people.webhook}
    return tuple(name for name, configured in known.items() if configured)


def zone_of(settings: Settings, team: str) -> tzinfo:
    """Return the zone of a team's clock; UTC for who has no team."""
    from zoneinfo import ZoneInfo

    known = settings.teams.get(team)
    return ZoneInfo(known.timezone) if known else UTC


def escalation_of(settings: Settings, catalogue: Catalogue) -> Escalation:
    """Return who is called when, by team; PagerDuty's own incident is waited for where it reports to us."""
    paths = {
        name: {level: contact.stops_on_acknowledgement for level, contact in team.escalation.items()}
        for name, team in settings.teams.items()
    }
    return Escalation(catalogue, {team: path for team, path in paths.items() if path}, _grace(settings))


def _grace(settings: Settings) -> timedelta:
    """Return how long PagerDuty's own incident is waited for: not at all where it does not report to us."""
    pagerduty = settings.pagerduty
    reports = pagerduty is not None and settings.auth.pagerduty is not None
    return timedelta(seconds=pagerduty.wait_for_incident_seconds if pagerduty and reports else 0.0)


def people_of(settings: Settings, secrets: Secrets) -> "Mapping[str, People]":
    """Return the adapter of each channel; none of them connects before it is used."""
    from shared.adapters.webhook import LogPeople

    made: dict[str, Callable[[Settings, Secrets], People]] = {}
    if settings.people.webhook:
        made["webhook"] = _webhook
    if settings.slack:
        made["slack"] = _slack
    if settings.pagerduty:
        made["pagerduty"] = _pagerduty
        if settings.pagerduty.routing_key:
            made["pagerduty_changes"] = _pagerduty_changes
    if settings.github:
        made["github"] = _github
    if settings.status_page:
        made["status_page"] = _status_page
    told = {name: renewing(secrets, partial(make, settings)) for name, make in made.items()}
    return told if told.keys() & CARRY_ALL else {**told, "log": LogPeople()}


def _webhook(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.webhook import WebhookPeople

    assert settings.people.webhook is not None  # noqa: S101 asked before
    headers = secrets.headers(settings.people.headers)
    return WebhookPeople(secrets.value(settings.people.webhook), headers=headers)


def _github(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.github import GitHubPeople

    assert settings.github is not None  # noqa: S101 asked before
    return GitHubPeople(settings.github.url, secrets.value(settings.github.token))


def _slack(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.slack.telling import SlackPeople

    assert settings.slack is not None  # noqa: S101 asked before
    own = {name: team.slack_channel for name, team in settings.teams.items() if team.slack_channel}
    slack = settings.slack
    return SlackPeople(secrets.value(slack.token), slack.url, own, slack.channel)


def _pagerduty(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.pagerduty.telling import PagerDutyPeople

    assert settings.pagerduty is not None  # noqa: S101 asked before
    pagerduty = settings.pagerduty
    return PagerDutyPeople(
        pagerduty.url,
        secrets.value(pagerduty.token),
        sender=pagerduty.sender,
        events_url=pagerduty.events_url,
        routing_key=secrets.value(pagerduty.routing_key) if pagerduty.routing_key else "",
        acknowledge=pagerduty.acknowledge,
        resolve=pagerduty.resolve,
        priorities=pagerduty.priorities,
    )


def _pagerduty_changes(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.pagerduty.telling import PagerDutyChanges

    pagerduty = settings.pagerduty
    assert pagerduty is not None and pagerduty.routing_key is not None  # noqa: S101, PT018 asked before
    return PagerDutyChanges(pagerduty.events_url, routing_key=secrets.value(pagerduty.routing_key))


def _status_page(settings: Settings, secrets: Secrets) -> "People":
    from shared.adapters.status_page import WORDING, StatusPagePeople

    assert settings.status_page is not None  # noqa: S101 asked before
    page = settings.status_page
    return StatusPagePeople(
        page.kind,
        page.url,
        page=page.page,
        token=secrets.value(page.token) if page.token else "",
        wording={**WORDING, **page.wording},
        components={s.name: s.status_components for s in settings.services if s.status_components},
    )


def caller_of(settings: Settings, secrets: Secrets) -> "Caller":
    """Return what calls the levels of the escalation path."""
    from shared.adapters.calling import Address, Calling, PagerDutyCalling, SlackCalling

    default = settings.slack.channel if settings.slack else ""
    addresses = {
        (team, level): Address(
            pagerduty_policy=contact.pagerduty_policy,
            pagerduty_user=contact.pagerduty_user,
            mention=contact.slack,
            channel=settings.teams[team].slack_channel or default,
            webhook=secrets.value(contact.webhook) if contact.webhook else "",
        )
        for team, known in settings.teams.items()
        for level, contact in known.escalation.items()
    }
    pagerduty = settings.pagerduty
    return Calling(
        addresses,
        pagerduty=PagerDutyCalling(
            pagerduty.url,
            secrets.value(pagerduty.token),
            sender=pagerduty.sender,
            events_url=pagerduty.events_url,
            routing_key=secrets.value(pagerduty.routing_key) if pagerduty.routing_key else "",
        )
        if pagerduty
        else None,
        slack=SlackCalling(settings.slack.url, secrets.value(settings.slack.token))
        if settings.slack
        else None,
    )
