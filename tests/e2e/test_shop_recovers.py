"""The main job with everything real that is here: scrape, rule, webhook, rollback, recovery."""

import shutil
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from cli.demo import stage as stages
from shared.domain.response import Outcome, Response
from shared.ports import Message

SECONDS = 60.0
REAL = shutil.which("prometheus") and (
    shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
)


def eventually(done: Callable[[], bool], what: str) -> None:
    """Wait for something that has to come."""
    ends_at = time.monotonic() + SECONDS
    pause = threading.Event()
    while not done():
        assert time.monotonic() < ends_at, what
        pause.wait(0.1)


def error_rate(prometheus_url: str) -> float:
    """Return the shop's present error rate by Prometheus's own account, 1 when it has none."""
    query = 'sum(rate(http_requests_total{code=~"5.."}[5s])) / sum(rate(http_requests_total[5s]))'
    answer = httpx.get(f"{prometheus_url}/api/v1/query", params={"query": query}).raise_for_status().json()
    found = answer["data"]["result"]
    return float(found[0]["value"][1]) if found else 1.0


@pytest.mark.parametrize(
    "real",
    [
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                not REAL, reason="Debian's prometheus and prometheus-alertmanager are missing"
            ),
            id="the real Prometheus and Alertmanager",
        ),
        pytest.param(False, id="the stand-ins"),
    ],
)
def test_a_rule_fires_the_webhook_comes_and_the_shop_recovers(*, real: bool) -> None:
    told: list[Message] = []
    with stages.stage(tell=told.append, prefer_real=real) as playing:
        assert playing.monitoring.alert_source == ("alertmanager" if real else "sandbox")
        eventually(playing.rolled_out, "the good version did not roll out")
        watched_from = time.monotonic()
        eventually(lambda: time.monotonic() > watched_from + 8, "the good version has no record")
        deployed_at = playing.deploy(stages.BAD)

        def responses() -> list[Response]:
            return [s.response for s in playing.door.records.recent(deployed_at.date().isoformat())]

        eventually(lambda: any(not r.live for r in responses()), "no response ended")
        [response] = responses()
        assert response.phase == Outcome.COMPLETED
        assert response.source == "alertmanager"
        assert {alert.name for alert in response.heard.alerts} & {"HighErrorRate", "Many5xx"}
        assert playing.rollbacks() == 1
        assert playing.images() == [stages.GOOD]
        assert error_rate(playing.monitoring.prometheus_url) == 0.0
        assert httpx.get(f"{playing.shop.url}/health").json()["images"] == [stages.GOOD]
    assert any("rolled back" in message.title for message in told)
    assert any("completed" in message.title for message in told)
