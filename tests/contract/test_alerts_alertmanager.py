"""The contract of alerts with Alertmanager: the stand-in, and the real program where it is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.alertmanager import Alertmanager
from sandbox.alertmanager.routing import Route
from sandbox.servers import ALERTMANAGER_PROGRAMS, real_alertmanager
from shared.adapters.alertmanager import AlertmanagerAlerts
from tests.contract.alerts import CHECKOUT, AlertsContract, AlertsWorld
from tests.contract.workloads import eventually

PROGRAM = next((found for name in ALERTMANAGER_PROGRAMS if (found := shutil.which(name))), "")
NOBODY = Route(webhook_url="http://127.0.0.1:9/")


class AlertmanagerWorld(AlertsWorld):
    def __init__(self, url: str) -> None:
        self.url = url
        self.alerts = AlertmanagerAlerts(url)

    def fire(self, labels: dict[str, str]) -> None:
        self._post(labels, timedelta(minutes=5))
        eventually(lambda: self._holds(labels), f"{labels} fires")

    def resolve(self, labels: dict[str, str]) -> None:
        self._post(labels, timedelta(seconds=-1))
        eventually(lambda: not self._holds(labels), f"{labels} has ended")

    def silence(self, labels: dict[str, str]) -> None:
        now = datetime.now(UTC)
        matchers = [{"name": k, "value": v, "isRegex": False, "isEqual": True} for k, v in labels.items()]
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "alice",
            "comment": "known",
        }
        httpx.post(f"{self.url}/api/v2/silences", json=body).raise_for_status()

    def _post(self, labels: dict[str, str], ends_in: timedelta) -> None:
        now = datetime.now(UTC)
        alert = {
            "labels": labels,
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": (now + ends_in).isoformat(),
        }
        httpx.post(f"{self.url}/api/v2/alerts", json=[alert]).raise_for_status()

    def _holds(self, labels: dict[str, str]) -> bool:
        return labels in [alert["labels"] for alert in httpx.get(f"{self.url}/api/v2/alerts").json()]


@contextmanager
def stand_in() -> Iterator[str]:
    with Alertmanager(NOBODY) as running:
        yield running.url


class TestStandIn(AlertsContract):
    @pytest.fixture
    def world(self) -> Iterator[AlertmanagerWorld]:
        with stand_in() as url:
            yield AlertmanagerWorld(url)


@pytest.mark.skipif(not PROGRAM, reason="needs the program prometheus-alertmanager")
class TestReal(AlertsContract):
    @pytest.fixture
    def world(self) -> Iterator[AlertmanagerWorld]:
        with real_alertmanager(PROGRAM, NOBODY) as url:
            yield AlertmanagerWorld(url)

    def test_what_is_silenced_fires_and_says_so(self, world: AlertmanagerWorld) -> None:
        world.fire(CHECKOUT)
        world.silence({"alertname": "HighErrorRate"})

        found = eventually(
            lambda: [a for a in world.alerts.firing([{"deployment": "checkout"}]) if a.suppressed],
            "the alert is silenced",
        )

        assert [alert.suppressed for alert in found] == ["silenced"]
