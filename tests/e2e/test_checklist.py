"""The checklist is told from Alertmanager, a support channel and PagerDuty, as they are configured."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.alertmanager import Alertmanager
from sandbox.alertmanager.routing import Route
from sandbox.receivers import PagerDuty, Slack
from sandbox.receivers.pagerduty import TOKEN as PAGERDUTY_TOKEN
from sandbox.receivers.pagerduty_account import SERVICE
from sandbox.receivers.slack import TOKEN as SLACK_TOKEN
from shared import bootstrap
from shared.bootstrap import Engine
from shared.domain.checklist import Item, Standing, checklist
from shared.settings import Secrets, parse
from tests.contract.workloads import eventually
from tests.engine.world import World, a_service, an_alert

CONFIG = """
cluster: test
alertmanager: {{url: "{alertmanager}"}}
slack: {{token: "env:CHECK_SLACK", channel: C0ALL, url: "{slack}"}}
support: {{slack: C0SUPPORT}}
pagerduty: {{token: "env:CHECK_PD", from: bot@example.com, url: "{pagerduty}"}}
"""


class Outside:
    """A world that has rolled back and ended, and the real places around it, on its clock."""

    def __init__(self, running: ExitStack) -> None:
        self.world = World([a_service(pagerduty_service=SERVICE, team="shop")])
        channels = {"C0SUPPORT": "support", "C0ALL": "all"}
        self.slack = running.enter_context(Slack(channels=channels, clock=self._clock))
        self.pagerduty = running.enter_context(PagerDuty(clock=self._clock))
        self.alertmanager = running.enter_context(Alertmanager(Route(webhook_url="http://127.0.0.1:9/")))
        text = CONFIG.format(
            alertmanager=self.alertmanager.url, slack=self.slack.api_url, pagerduty=self.pagerduty.url
        )
        real = bootstrap.outside_of(parse(text), Secrets())
        made = replace(self.world.engine.outside, alerts=real.alerts, complaints=real.complaints)
        self.world.engine = Engine(self.world.door, made)
        self.world.story()
        [answer] = self.world.send(an_alert(at=self.world.now))
        self.id = answer.response_id
        self.world.run(until=lambda: not self.world.response(self.id).live)

    def _clock(self) -> float:
        return self.world.now.timestamp()

    def fire(self, **labels: str) -> None:
        ends_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        alert = {
            "labels": {"alertname": "HighLatency", "namespace": "production", **labels},
            "endsAt": ends_at,
        }
        url = f"{self.alertmanager.url}/api/v2/alerts"
        httpx.post(url, json=[alert]).raise_for_status()
        eventually(lambda: httpx.get(url).json(), "the alert fires")

    def item(self, name: str) -> Item:
        self.world.run()
        world = self.world
        items = checklist(world.response(self.id), world.events(self.id), world.records.tasks(self.id))
        return next(item for item in items if name in item.name)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setenv("CHECK_SLACK", SLACK_TOKEN)
    monkeypatch.setenv("CHECK_PD", PAGERDUTY_TOKEN)
    with ExitStack() as running:
        yield Outside(running)


def test_quiet_places_pass(outside: Outside) -> None:
    outside.fire(deployment="cart")

    assert outside.item("alerts").standing is Standing.PASS
    assert outside.item("complaints").standing is Standing.PASS
    assert "no message in Slack C0SUPPORT" in outside.item("complaints").evidence
    assert "no incident in PagerDuty" in outside.item("complaints").evidence


def test_what_is_heard_and_fires_is_told(outside: Outside) -> None:
    outside.fire(deployment="checkout")
    outside.slack.say("C0SUPPORT", "U01ALICE", "a customer cannot pay")
    outside.pagerduty.open_incident(title="cannot pay")

    alerts, complaints = outside.item("alerts"), outside.item("complaints")

    assert (alerts.standing, alerts.evidence) == (Standing.FAIL, "active in Alertmanager: HighLatency")
    assert complaints.standing is Standing.FAIL
    assert "1 message in Slack C0SUPPORT" in complaints.evidence
    assert "1 incident in PagerDuty" in complaints.evidence
    assert len(complaints.details) == 2
