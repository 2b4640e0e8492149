"""The cast: stand-ins of Slack, PagerDuty, GitHub and a status page, and what configures them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from sandbox.receivers import GitHub, PagerDuty, Slack, Statuspage, github, pagerduty, slack, statuspage
from sandbox.receivers.pagerduty_account import SERVICE, USERS
from sandbox.receivers.slack_messages import SlackMessage

CHANNEL, APPROVER = next(iter(slack.CHANNELS)), next(iter(slack.USERS))
ISSUE = next(iter(github.ISSUES))
COMPONENT = next(iter(statuspage.COMPONENTS))

SECRETS = {
    "BACKOUT_DEMO_SLACK": slack.TOKEN,
    "BACKOUT_DEMO_SLACK_SIGNING": slack.SIGNING_SECRET,
    "BACKOUT_DEMO_PAGERDUTY": pagerduty.TOKEN,
    "BACKOUT_DEMO_PAGERDUTY_WEBHOOK": pagerduty.WEBHOOK_SECRET,
    "BACKOUT_DEMO_GITHUB": github.TOKEN,
    "BACKOUT_DEMO_STATUS": statuspage.TOKEN,
}

AUTH = "slack: [env:BACKOUT_DEMO_SLACK_SIGNING], pagerduty: [env:BACKOUT_DEMO_PAGERDUTY_WEBHOOK]"

CONFIGURATION = """
slack: {{token: env:BACKOUT_DEMO_SLACK, url: "{slack}", channel: {channel}}}
pagerduty:
  {{token: env:BACKOUT_DEMO_PAGERDUTY, from: "{sender}", url: "{pagerduty}", events_url: "{pagerduty}"}}
github: {{token: env:BACKOUT_DEMO_GITHUB, url: "{github}"}}
status_page: {{kind: statuspage, url: "{status}", page: {page}, token: env:BACKOUT_DEMO_STATUS}}
teams:
  shop: {{timezone: Europe/Berlin, slack: {{channel: {channel}, approvers: [{approver}]}}}}
"""

SERVICE_KEYS = f"""
    team: shop
    pagerduty_service: {SERVICE}
    github: {{repository: {ISSUE.partition("#")[0]}, issue: {ISSUE.partition("#")[2]}}}
    status_components: {{{COMPONENT}: partial_outage}}
"""


@dataclass(frozen=True)
class Cast:
    """Who is told, and who tells."""

    slack: Slack
    pagerduty: PagerDuty
    github: GitHub
    status: Statuspage

    def configuration(self) -> str:
        """Return the part of the configuration that names them."""
        return CONFIGURATION.format(
            slack=self.slack.api_url,
            channel=CHANNEL,
            sender=next(iter(USERS.values())),
            pagerduty=self.pagerduty.url,
            github=self.github.url,
            status=self.status.api_url,
            page=statuspage.PAGE,
            approver=APPROVER,
        )

    def page(self, url: str) -> str:
        """Open an incident, as PagerDuty's own integration would; report it; return its id."""
        incident = self.pagerduty.open_incident(title="checkout: error rate above 10 %")
        answer = self.pagerduty.webhook("incident.triggered", incident.id, to=f"{url}/pagerduty")
        answer.raise_for_status()
        return incident.id

    def question(self) -> SlackMessage | None:
        """Return the message in the channel that asks for an approval, if there is one."""
        asking = [m for m in self.slack.top_level if any("approve" in b for b in m.buttons)]
        return asking[-1] if asking else None

    def approve(self, message: SlackMessage, url: str) -> httpx.Response:
        """Press the button that says yes, as an approver."""
        action = next(button for button in message.buttons if "approve" in button)
        return self.slack.press(message, action, APPROVER, to=f"{url}/slack")


@contextmanager
def cast() -> Iterator[Cast]:
    """Start them all; their secrets are in the environment for as long as they run."""
    with ExitStack() as running:
        for name, value in SECRETS.items():
            os.environ[name] = value
            running.callback(os.environ.pop, name, None)
        yield Cast(
            running.enter_context(Slack()),
            running.enter_context(PagerDuty()),
            running.enter_context(GitHub()),
            running.enter_context(Statuspage()),
        )
