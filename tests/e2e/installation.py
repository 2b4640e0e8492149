"""A whole installation in this process, over HTTP, with the real channels and the vendors' stand-ins.

Only the cluster, its signals and the table are doubles. The clock is the real one; the runbook's times are
short. Every secret is a value that can be told from everything else.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from joserfc.jwk import RSAKey
from waitress import create_server, wasyncore

from functions import app
from sandbox.receivers import GitHub, PagerDuty, Slack, StatusEndpoint, Statuspage, statuspage
from sandbox.receivers.github_gates import App, Run
from sandbox.receivers.pagerduty_account import POLICY, SERVICE, USERS
from sandbox.receivers.receiving import Receiver
from sandbox.receivers.slack_messages import SlackMessage
from shared import bootstrap, settings
from shared.domain.changes import RestoreRevision
from shared.domain.response import Event, Response, Task
from shared.domain.services import Service
from shared.domain.signals import Reading, Signal
from shared.domain.workloads import WorkloadRef
from shared.ports import Measured, People
from tests.engine.world import BAD, GOOD, HEALTHY, RAISED
from tests.fakes.health import FakeHealth
from tests.fakes.records import FakeRecords
from tests.fakes.workloads import FakeWorkloads

CHECKOUT = WorkloadRef("test", "production", "deployment", "checkout")
ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"
CHANNEL, OTHER_CHANNEL = "C0PAY", "C0DEFAULT"
ISSUE = "shop/checkout#12"
RUNBOOK = "https://runbooks.example.com/checkout"
DEADLINE_SECONDS = 60.0

T = TypeVar("T")

SECRETS = {
    name: f"{prefix}s3cr3t+{name.lower().replace('_', '/')}+0f9e8d7c6b5a"
    for name, prefix in {
        "ALERTMANAGER": "",
        "INVOKE": "",
        "READ": "",
        "SLACK_TOKEN": "xoxb-",
        "SLACK_SIGNING": "",
        "PAGERDUTY_TOKEN": "",
        "PAGERDUTY_SIGNING": "",
        "PAGERDUTY_ACTIONS": "",
        "GITHUB_TOKEN": "ghp_",
        "GITHUB_SIGNING": "",
        "STATUS_TOKEN": "",
        "ARGOCD_TOKEN": "",
        "LINKS": "",
        "HOOK_HEADER": "",
        "PROMETHEUS": "",
    }.items()
} | {"ROUTING_KEY": "5ec4e75ec4e75ec4e75ec4e75ec4e75e"}
"""Values by the name of their variable. The URLs that are secrets too are made when their ports are known."""

APP_KEY = RSAKey.generate_key(2048)

CONFIG = """
cluster: test
prometheus: {{url: "http://127.0.0.1:9", headers: {{X-Key: "env:PROMETHEUS"}}}}
auth:
  alertmanager: "env:ALERTMANAGER"
  invoke: {{dora: "env:INVOKE"}}
  read: "env:READ"
  slack: ["env:SLACK_SIGNING"]
  pagerduty: ["env:PAGERDUTY_SIGNING"]
  pagerduty_actions: ["env:PAGERDUTY_ACTIONS"]
  github: ["env:GITHUB_SIGNING"]
timing: {{hold: {hold}, settle: 2s, verify: 20s, stabilise: 1s, poll: 200ms, scrape: 50ms, cooldown: 1m}}
guardrails: {{namespaces: [production]}}
links: {{runbook: "{runbook}"}}
people: {{webhook: "env:HOOK_URL", headers: {{X-Key: "env:HOOK_HEADER"}}}}
slack: {{token: "env:SLACK_TOKEN", url: "{slack}", channel: {other_channel}}}
pagerduty:
  token: "env:PAGERDUTY_TOKEN"
  from: "{sender}"
  url: "{pagerduty}"
  events_url: "{pagerduty}"
  routing_key: "env:ROUTING_KEY"
  wait_for_incident: {wait}
github: {{token: "env:GITHUB_TOKEN", url: "{github}", app: {{id: "12345", key: "env:GITHUB_KEY"}}}}
status_page: {{kind: statuspage, url: "{status}", page: {page}, token: "env:STATUS_TOKEN"}}
owners: {{argo_cd: {{url: "{hook}/argo-cd", token: "env:ARGOCD_TOKEN"}}}}
approval_links: {{url: "{url}", secret: "env:LINKS"}}
teams:
  payments:
    timezone: Europe/Berlin
    slack: {{channel: {channel}, approvers: [{alice}, {bob}]}}
    escalation: {{on_call: {{pagerduty_policy: {policy}}}, cto: {{webhook: "env:CTO_URL"}}}}
services:
  - name: checkout
    workload: production/deployment/checkout
    match: {{namespace: production, deployment: checkout}}
    mode: {mode}
    team: payments
    customer_facing: true
    pagerduty_service: {service}
    github: {{repository: shop/checkout, issue: 12}}
    status_components: {{cmp1: partial_outage}}
"""


@dataclass(frozen=True)
class Vendors:
    """The systems that people are told through. `hook` is whoever takes plain JSON."""

    slack: Slack
    pagerduty: PagerDuty
    github: GitHub
    status: Statuspage
    hook: StatusEndpoint

    @classmethod
    def made(cls, ports: Mapping[str, int] | None = None) -> "Vendors":
        """Make them, not started; `ports` are those that they are to have."""
        port = {**dict.fromkeys(("slack", "pagerduty", "github", "status", "hook"), 0), **(ports or {})}
        return cls(
            Slack(
                token=SECRETS["SLACK_TOKEN"],
                signing_secret=SECRETS["SLACK_SIGNING"],
                channels={CHANNEL: "payments", OTHER_CHANNEL: "incidents"},
                users={ALICE: "alice", BOB: "bob", CAROL: "carol"},
                port=port["slack"],
            ),
            PagerDuty(
                token=SECRETS["PAGERDUTY_TOKEN"],
                webhook_secrets=(SECRETS["PAGERDUTY_SIGNING"],),
                routing_keys={SECRETS["ROUTING_KEY"]: SERVICE},
                port=port["pagerduty"],
            ),
            GitHub(
                token=SECRETS["GITHUB_TOKEN"],
                app=App("12345", APP_KEY.as_pem(private=False).decode()),
                port=port["github"],
            ),
            Statuspage(token=SECRETS["STATUS_TOKEN"], port=port["status"]),
            Hook(port=port["hook"]),
        )

    @property
    def all(self) -> dict[str, Receiver]:
        return {name: getattr(self, name) for name in ("slack", "pagerduty", "github", "status", "hook")}


class Hook(StatusEndpoint):
    """Takes the JSON of `people.webhook` and of a call at any address, and keeps the bodies."""

    def routes(self) -> Any:
        return [("POST", "/{path:path}", self._taken)]

    def _taken(self, received: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse({"taken": received.json()["title"]})

    @property
    def titles(self) -> list[str]:
        return [each.json()["title"] for each in self.received if each.path.startswith("/hook")]


@dataclass
class ShopSignals:
    """The error rate is `error_rate` while the bad image runs; all is well with another, and was before."""

    workloads: FakeWorkloads
    error_rate: float = 0.08

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        found = self.workloads.read(service.workload)
        bad = at is None and found is not None and found.image == BAD
        readings = {**RAISED, Signal.ERROR_RATE: self.error_rate} if bad else HEALTHY
        known = {signal: Reading.number(value) for signal, value in readings.items() if signal in wanted}
        return Measured(known, Reading.number(600.0), dict.fromkeys(known, 0.1))


@dataclass(frozen=True)
class Installation:
    """What runs, and how the outside reaches it."""

    url: str
    vendors: Vendors
    workloads: FakeWorkloads
    signals: ShopSignals
    records: FakeRecords
    local: bootstrap.Local

    def alert(self, *, value: float = 0.08, token: str = "") -> httpx.Response:
        """Have Alertmanager notify that checkout's error rate is high."""
        alert = {
            "status": "firing",
            "labels": {
                "alertname": "HighErrorRate",
                "namespace": "production",
                "deployment": "checkout",
                "signal": "error_rate",
            },
            "annotations": {"value": str(value)},
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "d35a9f37da1342c2",
        }
        body = {
            "version": "4",
            "groupKey": "{}:{}",
            "receiver": "backout",
            "status": "firing",
            "alerts": [alert],
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example.com",
            "truncatedAlerts": 0,
        }
        return self.post("/alertmanager", body, token=token or SECRETS["ALERTMANAGER"])

    def alerted(self, *, value: float = 0.08) -> str:
        """Have Alertmanager notify; return the id of the response that comes of it."""
        [result] = self.alert(value=value).raise_for_status().json()["results"]
        response_id: str = result["response_id"]
        return response_id

    def paged(self) -> str:
        """Have PagerDuty open an incident and report it; return its id."""
        incident = self.vendors.pagerduty.open_incident(title="checkout: error rate above 5 %")
        answer = self.vendors.pagerduty.webhook("incident.triggered", incident.id, to=f"{self.url}/pagerduty")
        assert answer.status_code == 202, answer.text
        return incident.id

    def deploying(self) -> Run:
        """Have a job of GitHub Actions ask for a verdict; return its run once it has one."""
        gates = self.vendors.github.gates
        answer = gates.ask(
            "shop/checkout",
            "production",
            api=self.vendors.github.url,
            url=f"{self.url}/github",
            secret=SECRETS["GITHUB_SIGNING"],
        )
        assert answer.status_code == 202, answer.text
        run = gates.runs[-1]
        until(lambda: run.verdict, "the deployment got no verdict")
        return run

    def post(self, path: str, body: object, *, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=20)

    def press(self, message: SlackMessage, verb: str, user: str) -> httpx.Response:
        """Press a button of a message in Slack, as it is shown there."""
        return self.vendors.slack.press(message, f"backout:{verb}", user, to=f"{self.url}/slack")

    def response(self, response_id: str) -> Response:
        return self.records.read(responses=[response_id]).states[response_id].response

    def event(self, response_id: str, code: str) -> Event:
        return next(event for event in self.records.events(response_id) if event.code == code)

    def codes(self, response_id: str) -> list[str]:
        return [event.code for event in self.records.events(response_id)]

    def tells(self, response_id: str, channel: str = "") -> list[Task]:
        """Return the messages that are owed, or were, on one channel or all."""
        tasks = [task for task in self.records.tasks(response_id) if task.kind == "tell"]
        return [task for task in tasks if channel in ("", task.facts["channel"])]

    @property
    def rollbacks(self) -> int:
        return len([change for change in self.workloads.applied if isinstance(change, RestoreRevision)])

    def top(self) -> SlackMessage | None:
        """Return the message about the response in the team's channel, as it stands now."""
        return next((m for m in self.vendors.slack.top_level if m.channel == CHANNEL), None)

    def shown(self, verb: str) -> SlackMessage:
        """Wait for the message in the team's channel to have a button; return it."""

        def there() -> SlackMessage | None:
            top = self.top()
            return top if top and f"backout:{verb}" in top.buttons else None

        return until(there, f"no button {verb} in the team's channel")

    def ended(self, response_id: str) -> Response:
        """Wait for the response's end; return it."""
        until(lambda: not self.response(response_id).live, "the response did not end")
        return self.response(response_id)

    def told(self, response_id: str) -> None:
        """Wait until no message is owed any more."""
        until(lambda: all(t.due_at is None for t in self.tells(response_id)), "messages are still owed")


def until(found: Callable[[], T | None], what: str) -> T:
    """Wait for something that has to come; return it."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not (it := found()):
        assert time.monotonic() < ends_at, what
        pause.wait(0.02)
    return it


@contextmanager
def installed(
    *,
    mode: str = "auto",
    hold: str = "2s",
    wait: str = "0s",
    more: str = "",
    vendors: Vendors | None = None,
    channel: People | None = None,
) -> Iterator[Installation]:
    """Start it all, with a bad deploy of two minutes ago; end it with the block.

    `wait` is how long PagerDuty's own incident is waited for, `more` further configuration. `vendors` are
    started by whoever gives them. `channel` takes the place of every real one.
    """
    with ExitStack() as running:
        if vendors is None:
            vendors = Vendors.made()
            for receiver in vendors.all.values():
                running.enter_context(receiver)
        door_socket = running.enter_context(socket.socket())
        door_socket.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{door_socket.getsockname()[1]}"
        running.enter_context(_environment(secrets_of(vendors)))
        configured = settings.parse(_config(vendors, url, mode=mode, hold=hold, wait=wait) + more)
        workloads = _deployed()
        signals, records = ShopSignals(workloads), FakeRecords()
        real = bootstrap.outside_of(configured, settings.Secrets())
        outside = replace(real, workloads=workloads, signals=signals, health=FakeHealth())
        if channel is not None:
            outside = replace(outside, channels=dict.fromkeys(outside.channels, channel))
        local = bootstrap.local(configured, records, outside=outside, secrets=settings.Secrets())
        running.callback(local.close)
        running.enter_context(_served(local, door_socket))
        yield Installation(url, vendors, workloads, signals, records, local)


def secrets_of(vendors: Vendors) -> dict[str, str]:
    """Return every secret, the addresses that are credentials among them."""
    return {
        **SECRETS,
        "GITHUB_KEY": APP_KEY.as_pem(private=True).decode(),
        "HOOK_URL": f"{vendors.hook.url}/hook/s3cr3t-path-of-the-webhook",
        "CTO_URL": f"{vendors.hook.url}/cto/s3cr3t-path-of-the-cto",
    }


def _config(vendors: Vendors, url: str, *, mode: str, hold: str, wait: str) -> str:
    return CONFIG.format(
        url=url,
        mode=mode,
        hold=hold,
        wait=wait,
        slack=vendors.slack.api_url,
        pagerduty=vendors.pagerduty.url,
        github=vendors.github.url,
        status=vendors.status.api_url,
        hook=vendors.hook.url,
        page=statuspage.PAGE,
        sender=next(iter(USERS.values())),
        service=SERVICE,
        policy=POLICY,
        runbook=RUNBOOK,
        channel=CHANNEL,
        other_channel=OTHER_CHANNEL,
        alice=ALICE,
        bob=BOB,
    )


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _deployed() -> FakeWorkloads:
    at = datetime.now(UTC) - timedelta(days=2)
    workloads = FakeWorkloads("test", now=lambda: at)
    workloads.deploy(CHECKOUT, GOOD)
    at = datetime.now(UTC) - timedelta(minutes=2)
    workloads.deploy(CHECKOUT, BAD)
    workloads._now = lambda: datetime.now(UTC)
    return workloads


@contextmanager
def _served(local: bootstrap.Local, listening: socket.socket) -> Iterator[None]:
    channels: dict[int, object] = {}
    served = app.create(local.door, engine=local.engine, bound_to="127.0.0.1")
    server = create_server(served, map=channels, sockets=[listening], threads=8)
    thread = threading.Thread(target=server.run, name="door", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        server.task_dispatcher.shutdown()
        thread.join(5)
