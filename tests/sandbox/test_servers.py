import shutil
from functools import partial

import httpx
import pytest

from sandbox.servers import (
    ALERTMANAGER_PROGRAMS,
    PROMETHEUS_PROGRAMS,
    ServerFailed,
    Watch,
    monitoring,
    real_prometheus,
)
from sandbox.shop import ImageBehaviour, Shop, shop_rules
from tests.sandbox.endpoints import BAD, GOOD, PodList, Webhook, eventually, pod

BEHAVIOURS = {
    GOOD: ImageBehaviour(),
    BAD: ImageBehaviour(error_ratio=0.5, latency_seconds=9.0, memory_ratio=0.99, cpu_ratio=0.97),
}
ALERTS = {"HighErrorRate", "HighLatencyP95", "HighMemory", "HighCpu", "Many5xx"}


def must_find(programs: tuple[str, ...]) -> str:
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(programs)} on the path")
    return program


@pytest.mark.parametrize(("prefer_real", "source"), [(True, "alertmanager"), (False, "sandbox")])
def test_a_bad_image_raises_every_alert_and_a_good_one_resolves_them(
    *, prefer_real: bool, source: str
) -> None:
    if prefer_real:
        must_find(PROMETHEUS_PROGRAMS)
        must_find(ALERTMANAGER_PROGRAMS)
    pods, webhook = PodList([pod(name) for name in "abc"]), Webhook()
    with (
        pods.server() as cluster,
        webhook.server() as receiver,
        Shop(cluster_url=cluster.url, behaviours=BEHAVIOURS) as shop,
        monitoring(
            targets=[shop.url],
            rules=shop_rules(window="4s", for_="1s"),
            webhook_url=f"{receiver.url}/alerts",
            token="t0p",
            group_interval="1s",
            prefer_real=prefer_real,
        ) as watched,
    ):
        assert watched.alert_source == source
        assert webhook.bodies == []
        pods.pods = [pod(name, BAD, template="6c5d4") for name in "abc"]
        for name in ALERTS:
            [body, *_] = eventually(partial(webhook.about, name, "firing"), within_seconds=30)
            assert body["commonLabels"]["namespace"] == "production"
            assert body["commonLabels"]["deployment"] == "checkout"
            assert float(body["alerts"][0]["annotations"]["value"]) > 0.05
        pods.pods = [pod(name) for name in "abc"]
        for name in ALERTS:
            eventually(partial(webhook.about, name, "resolved"), within_seconds=30)
        assert set(webhook.credentials) == {"Bearer t0p"}
        urls = [watched.prometheus_url, watched.alertmanager_url]
        assert all(httpx.get(f"{url}/-/ready").is_success for url in urls)
    for url in urls:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/-/ready")


def test_a_program_that_ends_at_once_is_reported_with_its_log() -> None:
    program = must_find(PROMETHEUS_PROGRAMS)
    with (
        pytest.raises(ServerFailed, match="could not parse expression"),
        real_prometheus(program, Watch([], shop_rules(window="soon"), "http://127.0.0.1:9", "1s")),
    ):
        pytest.fail("Prometheus took rules that are none")


def test_a_program_is_gone_when_its_user_fails() -> None:
    urls = []

    def fail_using(program: str) -> None:
        with real_prometheus(program, Watch([], "groups: []", "http://127.0.0.1:9", "1s")) as url:
            urls.append(url)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_using(must_find(PROMETHEUS_PROGRAMS))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{urls[0]}/-/ready")
