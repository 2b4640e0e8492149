"""Outlooks: what is looked at for the verification checklist becomes its adapters."""

from typing import TYPE_CHECKING

from shared.bootstrap.renewing import renewing
from shared.settings import Secrets, Settings

if TYPE_CHECKING:
    from shared.ports import Alerts, Complaints


LOOK_SECONDS = 6.0
"""How long each place may take: all of them, and the cluster, are asked within one lease of a task."""


def alerts_of(settings: Settings, secrets: Secrets) -> "Alerts | None":
    """Return the alerting system, None where none is configured."""
    configured = settings.alertmanager
    if configured is None:
        return None
    from shared.adapters.alertmanager import AlertmanagerAlerts

    url, headers = configured.url, configured.headers
    return renewing(
        secrets,
        lambda known: AlertmanagerAlerts(url, headers=known.headers(headers), seconds=LOOK_SECONDS),
    )


def complaints_of(settings: Settings, secrets: Secrets) -> "tuple[Complaints, ...]":
    """Return the places where trouble with a service is heard."""
    places: list[Complaints] = []
    channels = support_channels(settings)
    if settings.slack is not None and (channels or settings.support_channel):
        from shared.adapters.slack.listening import SlackComplaints

        slack, common = settings.slack, settings.support_channel

        def listening(known: Secrets) -> SlackComplaints:
            token = known.value(slack.token)
            return SlackComplaints(token, slack.url, channels, common, seconds=LOOK_SECONDS)

        places.append(renewing(secrets, listening))
    if settings.pagerduty is not None:
        from shared.adapters.pagerduty.listening import PagerDutyComplaints

        url, token = settings.pagerduty.url, settings.pagerduty.token
        places.append(
            renewing(
                secrets,
                lambda known: PagerDutyComplaints(url, known.value(token), seconds=LOOK_SECONDS),
            )
        )
    return tuple(places)


def support_channels(settings: Settings) -> dict[str, str]:
    """Return the teams' own channels in which their customers are heard."""
    return {name: team.support_channel for name, team in settings.teams.items() if team.support_channel}
