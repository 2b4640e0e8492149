"""The cast: stand-ins of Slack, PagerDuty, GitHub, a status page and mail, and what configures them."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from joserfc.jwk import RSAKey

from sandbox.git import Repository
from sandbox.receivers import GitHub, PagerDuty, Slack, Statuspage, github, pagerduty, slack, statuspage
from sandbox.receivers.github_gates import App, Run
from sandbox.receivers.github_hosted import Hosted
from sandbox.receivers.github_issues import FiledIssue
from sandbox.receivers.mail import MailServer
from sandbox.receivers.pagerduty_account import SERVICE, USERS
from sandbox.receivers.slack_messages import SlackMessage

CHANNEL = next(iter(slack.CHANNELS))
APPROVER, APPROVER_NAME = next(iter(slack.USERS.items()))
ISSUE = next(iter(github.ISSUES))
REPOSITORY, _, NUMBER = ISSUE.partition("#")
ENVIRONMENT = "production"
APP = "12345"
COMPONENT = next(iter(statuspage.COMPONENTS))
ZONE = "Europe/Berlin"
REPORT, TO_DO = "report", "follow-ups"
"""What hidden lines call the issues that Backout files."""

SECRETS = {
    "BACKOUT_DEMO_SLACK": slack.TOKEN,
    "BACKOUT_DEMO_SLACK_SIGNING": slack.SIGNING_SECRET,
    "BACKOUT_DEMO_PAGERDUTY": pagerduty.TOKEN,
    "BACKOUT_DEMO_PAGERDUTY_WEBHOOK": pagerduty.WEBHOOK_SECRET,
    "BACKOUT_DEMO_GITHUB": github.TOKEN,
    "BACKOUT_DEMO_GITHUB_WEBHOOK": "made up, and worth nothing outside the demo",
    "BACKOUT_DEMO_STATUS": statuspage.TOKEN,
}

AUTH = (
    "slack: [env:BACKOUT_DEMO_SLACK_SIGNING], pagerduty: [env:BACKOUT_DEMO_PAGERDUTY_WEBHOOK], "
    "github: [env:BACKOUT_DEMO_GITHUB_WEBHOOK]"
)

CONFIGURATION = """
slack: {{token: env:BACKOUT_DEMO_SLACK, url: "{slack}", channel: {channel}}}
pagerduty:
  {{token: env:BACKOUT_DEMO_PAGERDUTY, from: "{sender}", url: "{pagerduty}", events_url: "{pagerduty}"}}
github:
  {{token: env:BACKOUT_DEMO_GITHUB, url: "{github}", app: {{id: "{app}", key: env:BACKOUT_DEMO_GITHUB_APP}}}}
gate: {{github: {enforced}}}
report: {{github: {{}}, after: 5s}}
follow_ups: {{}}
meetings: {{from: backout@example.com, smtp: {{host: 127.0.0.1, port: {mail}, tls: none}}}}
status_page: {{kind: statuspage, url: "{status}", page: {page}, token: env:BACKOUT_DEMO_STATUS}}
teams:
  shop:
    timezone: {zone}
    owner: alice
    slack: {{channel: {channel}, approvers: [{approver}]}}
    meeting: {{attendees: [alice@example.com, bob@example.com]}}
"""

SERVICE_KEYS = f"""
    team: shop
    pagerduty_service: {SERVICE}
    github: {{repository: {REPOSITORY}, issue: {NUMBER}, environment: {ENVIRONMENT}}}
    status_components: {{{COMPONENT}: partial_outage}}
"""

TEMPLATE = """
name: Incident
description: Something broke in production.
title: "[Incident] "
labels: [incident]
body:
  - {type: textarea, id: summary, attributes: {label: What happened?}}
  - {type: dropdown, id: severity, attributes: {label: Severity, options: [P0, P1, P2, P3]}}
  - {type: textarea, id: root_cause, attributes: {label: Root cause}}
"""
"""The form that the repository has for incidents."""


@dataclass(frozen=True)
class Cast:
    """Who is told, and who tells."""

    slack: Slack
    pagerduty: PagerDuty
    github: GitHub
    status: Statuspage
    mail: MailServer
    hosts: bool

    def configuration(self) -> str:
        """Return the part of the configuration that names them."""
        return CONFIGURATION.format(
            slack=self.slack.api_url,
            channel=CHANNEL,
            sender=next(iter(USERS.values())),
            pagerduty=self.pagerduty.url,
            github=self.github.url,
            app=APP,
            enforced="status" if self.hosts else "off",
            mail=self.mail.port,
            zone=ZONE,
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

    def resolve(self, incident: str, url: str) -> None:
        """Report that an incident is resolved, as PagerDuty does once its own integration saw it end."""
        self.pagerduty.webhook("incident.resolved", incident, to=f"{url}/pagerduty").raise_for_status()

    def question(self) -> SlackMessage | None:
        """Return the message in the channel that asks for an approval, if there is one."""
        asking = [m for m in self.slack.top_level if any("approve" in b for b in m.buttons)]
        return asking[-1] if asking else None

    def approve(self, message: SlackMessage, url: str) -> httpx.Response:
        """Press the button that says yes, as an approver."""
        action = next(button for button in message.buttons if "approve" in button)
        return self.slack.press(message, action, APPROVER, to=f"{url}/slack")

    def deploying(self, url: str) -> Run:
        """Have a job ask for the verdict on its deployment, which it waits for."""
        gates, secret = self.github.gates, SECRETS["BACKOUT_DEMO_GITHUB_WEBHOOK"]
        answer = gates.ask(REPOSITORY, ENVIRONMENT, api=self.github.url, url=f"{url}/github", secret=secret)
        answer.raise_for_status()
        return gates.runs[-1]

    def filed(self, kind: str) -> list[FiledIssue]:
        """Return the issues of a kind that Backout filed."""
        return [issue for issue in self.github.issues.values() if f"<!-- backout:{kind}:" in issue.body]


@contextmanager
def cast() -> Iterator[Cast]:
    """Start them all; their secrets are in the environment for as long as they run."""
    key = RSAKey.generate_key(2048)
    secrets = {**SECRETS, "BACKOUT_DEMO_GITHUB_APP": key.as_pem(private=True).decode()}
    with ExitStack() as running:
        for name, value in secrets.items():
            os.environ[name] = value
            running.callback(os.environ.pop, name, None)
        hosted = _hosted(Path(running.enter_context(TemporaryDirectory(prefix="backout-demo-"))))
        app = App(APP, key.as_pem(private=False).decode())
        yield Cast(
            running.enter_context(Slack()),
            running.enter_context(PagerDuty()),
            running.enter_context(GitHub(repositories=hosted, app=app)),
            running.enter_context(Statuspage()),
            running.enter_context(MailServer()),
            hosts=bool(hosted),
        )


def _hosted(folder: Path) -> Mapping[str, Hosted]:
    """Return a repository with one commit; none where git is not installed, which nothing else needs."""
    if shutil.which("git") is None:
        return {}
    repository = Repository.create(folder / "checkout.git")
    repository.commit({".github/ISSUE_TEMPLATE/incident.yml": TEMPLATE}, "A form for incidents")
    return {REPOSITORY: Hosted(repository)}
