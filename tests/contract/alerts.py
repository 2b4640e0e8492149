"""What every alerting system keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

from shared.ports import Alerts

CHECKOUT = {"alertname": "HighErrorRate", "namespace": "production", "deployment": "checkout"}
LATENCY = {**CHECKOUT, "alertname": "HighLatency"}
CART = {**CHECKOUT, "deployment": "cart"}
ODD = {**CHECKOUT, "deployment": 'a "b" \\c'}


class AlertsWorld(ABC):
    """An alerting system, and what fires in it."""

    alerts: Alerts

    @abstractmethod
    def fire(self, labels: dict[str, str]) -> None:
        """Have an alert fire, and return once it is there."""

    @abstractmethod
    def resolve(self, labels: dict[str, str]) -> None:
        """Have an alert end, and return once it has."""


class AlertsContract:
    """The suite."""

    def test_what_fires_is_found_by_its_labels_and_nothing_else(self, world: AlertsWorld) -> None:
        for labels in (CHECKOUT, LATENCY, CART):
            world.fire(labels)

        found = world.alerts.firing([{"namespace": "production", "deployment": "checkout"}])

        assert {alert.name: alert.labels for alert in found} == {
            "HighErrorRate": CHECKOUT,
            "HighLatency": LATENCY,
        }
        assert {alert.suppressed for alert in found} == {""}
        assert len({alert.fingerprint for alert in found}) == 2
        assert all(alert.starts_at.tzinfo for alert in found)

    def test_what_several_filters_find_is_told_once(self, world: AlertsWorld) -> None:
        world.fire(CHECKOUT)

        found = world.alerts.firing(
            [{"deployment": "checkout"}, {"k8s_name": "x"}, {"namespace": "production"}]
        )

        assert [alert.name for alert in found] == ["HighErrorRate"]

    def test_any_value_can_be_asked_for(self, world: AlertsWorld) -> None:
        world.fire(ODD)
        world.fire(CHECKOUT)

        [found] = world.alerts.firing([{"deployment": ODD["deployment"]}])

        assert found.labels == ODD

    def test_what_has_resolved_is_gone(self, world: AlertsWorld) -> None:
        world.fire(CHECKOUT)
        world.resolve(CHECKOUT)

        assert world.alerts.firing([{"deployment": "checkout"}]) == []
