import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from sandbox.alertmanager import Alertmanager
from sandbox.alertmanager.alerts import Alert, PostedAlert, accept, merge
from sandbox.alertmanager.notifications import Sent, Snapshot, quoted_labels, reason_to_send
from sandbox.alertmanager.routing import Route
from sandbox.servers import ALERTMANAGER_PROGRAMS, real_alertmanager
from tests.sandbox.endpoints import Webhook, eventually

NOW = datetime(2026, 8, 22, 10, tzinfo=UTC)
LABELS = {"alertname": "HighErrorRate", "namespace": "production", "deployment": "checkout"}


def posted(*, ends_in_seconds: float = 300, **labels: str) -> dict[str, Any]:
    """Write an alert that began ten seconds ago as Prometheus posts it."""
    now = datetime.now(UTC)
    return {
        "labels": {**LABELS, **labels},
        "annotations": {"summary": "5xx > 5 %", "value": "0.25"},
        "startsAt": (now - timedelta(seconds=10)).isoformat(),
        "endsAt": (now + timedelta(seconds=ends_in_seconds)).isoformat(),
        "generatorURL": "http://prometheus/graph?g0.expr=errors&g0.tab=1",
    }


def post(url: str, *alerts: dict[str, Any]) -> int:
    return httpx.post(f"{url}/api/v2/alerts", json=alerts).status_code


@contextmanager
def standing_in(webhook: Webhook, **route: Any) -> Iterator[Alertmanager]:
    quick = {"group_interval_seconds": 0.2, **route}
    with (
        webhook.server() as receiver,
        Alertmanager(Route(webhook_url=f"{receiver.url}/alerts", token="t0p", **quick)) as alertmanager,
    ):
        yield alertmanager


def test_a_firing_alert_is_posted_with_the_credential_and_once() -> None:
    webhook = Webhook()
    with standing_in(webhook) as alertmanager:
        assert post(alertmanager.url, posted()) == 200
        eventually(lambda: webhook.bodies)
        # By the time that another group has come and gone, the first has been looked at again.
        post(alertmanager.url, posted(alertname="Other"))
        eventually(lambda: webhook.about("Other", "firing"))
        post(alertmanager.url, posted(), posted(alertname="Other", ends_in_seconds=-1))
        eventually(lambda: webhook.about("Other", "resolved"))
    assert len(webhook.about("HighErrorRate", "firing")) == 1
    assert set(webhook.credentials) == {"Bearer t0p"}


def test_an_alert_that_ends_is_posted_as_resolved_and_then_forgotten() -> None:
    webhook = Webhook()
    with standing_in(webhook) as alertmanager:
        post(alertmanager.url, posted())
        eventually(lambda: webhook.bodies)
        [shown] = httpx.get(f"{alertmanager.url}/api/v2/alerts").json()
        assert shown["labels"] == LABELS
        post(alertmanager.url, posted(ends_in_seconds=-1))
        [body] = eventually(lambda: webhook.about("HighErrorRate", "resolved"))
        assert httpx.get(f"{alertmanager.url}/api/v2/alerts").json() == []
    assert body["notification_reason"] == "all alerts resolved"
    [alert] = body["alerts"]
    assert alert["status"] == "resolved"
    assert alert["startsAt"] < alert["endsAt"]
    assert alert["fingerprint"] == shown["fingerprint"]


def test_alerts_of_one_group_travel_together() -> None:
    webhook = Webhook()
    with standing_in(webhook, group_by=("namespace",)) as alertmanager:
        post(alertmanager.url, posted(), posted(alertname="HighLatency"))
        [body] = eventually(lambda: webhook.bodies)
    assert [alert["labels"]["alertname"] for alert in body["alerts"]] == ["HighErrorRate", "HighLatency"]
    assert body["groupLabels"] == {"namespace": "production"}
    assert body["commonLabels"] == {"namespace": "production", "deployment": "checkout"}
    assert body["groupKey"] == '{}:{namespace="production"}'


def test_a_receiver_that_fails_is_tried_again_within_the_flush() -> None:
    webhook = Webhook(statuses=[503, 500])
    with standing_in(webhook, group_interval_seconds=60.0) as alertmanager:
        post(alertmanager.url, posted())
        eventually(lambda: len(webhook.bodies) == 3)
    assert [body["notification_reason"] for body in webhook.bodies] == ["first notification"] * 3


def test_a_receiver_that_refuses_is_told_again_at_the_next_interval() -> None:
    webhook = Webhook(statuses=[400, 429])
    with standing_in(webhook) as alertmanager:
        post(alertmanager.url, posted())
        eventually(lambda: len(webhook.bodies) == 3)
        post(alertmanager.url, posted(ends_in_seconds=-1))
        eventually(lambda: webhook.about("HighErrorRate", "resolved"))
    assert [body["notification_reason"] for body in webhook.bodies[:3]] == ["first notification"] * 3


@pytest.mark.parametrize(
    "body", ["", "{}", "[1]", '[{"labels": {}}]', '[{"annotations": {}}]', '[{"labels": {"a": 1}}]']
)
def test_what_is_no_list_of_alerts_is_refused(body: str) -> None:
    with standing_in(Webhook()) as alertmanager:
        assert httpx.post(f"{alertmanager.url}/api/v2/alerts", content=body).status_code == 400


def alert(name: str = "HighErrorRate", *, start: float = -10, end: float = 300) -> Alert:
    starts_at, ends_at = NOW + timedelta(seconds=start), NOW + timedelta(seconds=end)
    return accept(PostedAlert({**LABELS, "alertname": name}, {}, starts_at, ends_at), now=NOW)


A, B = alert("a"), alert("b")
A_OVER, B_OVER = alert("a", end=-1), alert("b", end=-1)


def told(*alerts: Alert, ago: timedelta = timedelta(minutes=1)) -> Sent:
    """Say what a receiver knows that was told of these alerts, as they are now, a while ago."""
    return replace(Snapshot(alerts, NOW).as_sent(), at=NOW - ago)


@pytest.mark.parametrize(
    ("alerts", "last", "reason"),
    [
        ([A], None, "first notification"),
        ([A_OVER], None, None),
        ([A], told(A), None),
        ([A, B], told(A), "new alerts added"),
        ([A], told(A_OVER), "new alerts added"),
        ([A_OVER], told(A), "all alerts resolved"),
        ([A_OVER], told(A_OVER), None),
        ([A, B_OVER], told(A, B), "some alerts resolved"),
        ([A, B_OVER], told(A, B_OVER), None),
        ([A], told(A, B), None),
        ([A], told(A, ago=timedelta(hours=4, seconds=1)), "repeat interval elapsed"),
    ],
)
def test_a_message_needs_a_reason(alerts: Sequence[Alert], last: Sent | None, reason: str | None) -> None:
    assert reason_to_send(Snapshot(alerts, NOW), last, repeat_interval=timedelta(hours=4)) == reason


def test_an_alert_without_an_end_lives_for_five_minutes() -> None:
    taken = accept(PostedAlert(LABELS), now=NOW)
    assert (taken.starts_at, taken.ends_at) == (NOW, NOW + timedelta(minutes=5))
    zero = datetime(1, 1, 1, tzinfo=UTC)
    assert accept(PostedAlert(LABELS, {}, zero, zero), now=NOW) == taken


def test_an_alert_posted_again_keeps_its_first_start_unless_it_had_ended_before() -> None:
    assert merge(alert(start=-60), alert(start=-10)).starts_at == NOW - timedelta(seconds=60)
    assert merge(alert(start=-60, end=-30), alert(start=-10)).starts_at == NOW - timedelta(seconds=10)


def test_an_alert_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="start time"):
        alert(start=10, end=5)


def test_label_values_are_quoted_in_group_keys() -> None:
    assert quoted_labels({"b": 'say "hi"\n', "a": "\\"}) == '{a="\\\\", b="say \\"hi\\"\\n"}'


@pytest.fixture(scope="module")
def real_program() -> str:
    program = next(filter(None, map(shutil.which, ALERTMANAGER_PROGRAMS)), None)
    if program is None:
        pytest.skip("no alertmanager on the path")
    return program


def test_both_alertmanagers_tell_the_same(real_program: str) -> None:
    """Post the same to the real one and to the stand-in, and compare what they list and what they send."""
    firing = [posted(instance="a"), posted(instance="b", summary='x "y"')]
    ended = [{**each, "endsAt": datetime.now(UTC).isoformat()} for each in firing]
    real_webhook, own_webhook = Webhook(), Webhook()
    with real_webhook.server() as real_receiver, own_webhook.server() as own_receiver:
        real_route, own_route = (
            Route(
                webhook_url=f"{receiver.url}/alerts",
                token="t0p",
                receiver="roll.back",
                group_interval_seconds=1.0,
            )
            for receiver in (real_receiver, own_receiver)
        )
        with real_alertmanager(real_program, real_route) as real_url, Alertmanager(own_route) as own:
            for url in (real_url, own.url):
                assert post(url, *firing) == 200
                assert post(url, {"labels": {}}) == 400
            eventually(lambda: real_webhook.bodies and own_webhook.bodies)
            listed = [httpx.get(f"{url}/api/v2/alerts").json() for url in (real_url, own.url)]
            for url in (real_url, own.url):
                post(url, *ended)
            for webhook in (real_webhook, own_webhook):
                eventually(partial(webhook.about, "HighErrorRate", "resolved"))
    assert [_timeless(each) for each in listed[1]] == [_timeless(each) for each in listed[0]]
    assert own_webhook.credentials == real_webhook.credentials == ["Bearer t0p", "Bearer t0p"]
    for real, told_by_us in zip(real_webhook.bodies, own_webhook.bodies, strict=True):
        # Newer than the Alertmanager that Debian ships.
        assert told_by_us.keys() - real.keys() == {"notification_reason", "routeLabels"}
        assert _timeless(
            {**told_by_us, "alerts": [_timeless(each) for each in told_by_us["alerts"]]}
        ) == _timeless({**real, "alerts": [_timeless(each) for each in real["alerts"]]})


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs between any two servers, and cut times to the millisecond."""
    left_out = {"externalURL", "notification_reason", "routeLabels", "updatedAt"}
    kept = {name: value for name, value in answer.items() if name not in left_out}
    for name in {"startsAt", "endsAt"} & kept.keys():
        kept[name] = datetime.fromisoformat(kept[name]).replace(microsecond=0)
    return kept


def test_alerts_are_listed_by_the_matchers_asked_for() -> None:
    with standing_in(Webhook()) as alertmanager:
        post(alertmanager.url, posted(), posted(deployment="cart"))
        listed = partial(httpx.get, f"{alertmanager.url}/api/v2/alerts")

        [found] = listed(params={"filter": ['namespace="production"', 'deployment="cart"']}).json()

        assert found["labels"]["deployment"] == "cart"
        assert listed(params={"filter": 'deployment=~"c.*"'}).status_code == 400
