import pytest

from shared.domain.clearing import StandingAlert
from tests.contract.alerts import AlertsContract, AlertsWorld
from tests.engine.world import START
from tests.fakes.outlooks import FakeAlerts


class FakeWorld(AlertsWorld):
    def __init__(self) -> None:
        self.alerts = self.fake = FakeAlerts()

    def fire(self, labels: dict[str, str]) -> None:
        fingerprint = repr(sorted(labels.items()))
        self.fake.alerts.append(StandingAlert(fingerprint, labels["alertname"], labels, START))

    def resolve(self, labels: dict[str, str]) -> None:
        self.fake.alerts = [alert for alert in self.fake.alerts if alert.labels != labels]


class TestFakeAlerts(AlertsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
