"""What the benchmarks put in: notifications, the configuration, traffic."""

import json

from benchmarks import alerts, installation
from benchmarks.traffic import Traffic
from shared import settings
from shared.domain.services import Mode
from shared.domain.signals import Reading, Signal
from shared.intake import alertmanager


def test_a_notification_is_read_as_one_firing_alert_of_the_deployment() -> None:
    sent = alertmanager.parse(alerts.notification("production", "ours-1"), signals_by_alert={})

    [alert] = sent.alerts
    assert alert.firing
    assert (alert.labels["namespace"], alert.labels["deployment"]) == ("production", "ours-1")
    assert (alert.signal, alert.reading) == (Signal.ERROR_RATE, Reading.number(0.25))


def test_each_episode_and_each_deployment_is_an_alert_of_its_own() -> None:
    bodies = [alerts.notification("production", *of) for of in (("a", 0), ("a", 1), ("b", 0))]

    fingerprints = {json.loads(body)["alerts"][0]["fingerprint"] for body in bodies}
    assert len(fingerprints) == 3


def test_the_configuration_is_one_that_backout_takes_and_acts_by() -> None:
    config = installation.configuration("production", ["ours-1"], prometheus_url="http://127.0.0.1:9090")

    known = settings.parse(json.dumps(config), named="the benchmark's configuration")

    assert {service.name: service.mode for service in known.services} == {
        "ours-1": Mode.AUTO,
        installation.OBSERVED: Mode.OBSERVE,
    }
    assert known.rails.namespaces == ("production",)


def test_a_quarter_of_the_answers_are_errors_once_it_fails_and_none_before() -> None:
    seconds = iter([0.0, 10.0, 10.0, 30.0])
    traffic = Traffic("production", ["ours-1"], clock=lambda: next(seconds))

    def answers() -> dict[str, float]:
        samples = [
            s for family in traffic.collect() for s in family.samples if s.name == "http_requests_total"
        ]
        return {code: sum(s.value for s in samples if s.labels["code"] == code) for code in ("200", "500")}

    assert answers() == {"200": 1000, "500": 0}
    traffic.fail()
    assert answers() == {"200": 2500, "500": 500}
