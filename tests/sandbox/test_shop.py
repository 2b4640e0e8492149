from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.shop import ImageBehaviour, Shop
from sandbox.shop.metering import MEMORY_LIMIT_BYTES
from sandbox.shop.pods import Pod
from sandbox.shop.traffic import Traffic
from tests.sandbox.endpoints import BAD, GOOD, SICK, PodList, eventually, pod

BEHAVIOURS = {
    GOOD: ImageBehaviour(),
    BAD: ImageBehaviour(error_ratio=1.0, latency_seconds=0.001),
    SICK: ImageBehaviour(healthy=False),
}


@contextmanager
def shop_over(pods: PodList, *, requests_per_second: float = 500.0) -> Iterator[Shop]:
    with (
        pods.server() as cluster,
        Shop(
            cluster_url=cluster.url,
            behaviours=BEHAVIOURS,
            requests_per_second=requests_per_second,
            poll_seconds=0.02,
        ) as shop,
    ):
        yield shop


def total(shop: Shop, sample_name: str, **labels: str) -> float | None:
    """Add up the matching series of the shop's metrics; None when there is none."""
    values = [
        sample.value
        for family in text_string_to_metric_families(httpx.get(f"{shop.url}/metrics").text)
        for sample in family.samples
        if sample.name == sample_name and labels.items() <= sample.labels.items()
    ]
    return sum(values) if values else None


def traffic(behaviour: ImageBehaviour, *, replicas: int, seed: int = 1) -> Traffic:
    made = Traffic(
        namespace="production",
        deployment="checkout",
        behaviours={GOOD: behaviour},
        requests_per_second=100.0,
        baseline_replicas=3,
        seed=seed,
    )
    made.replace_pods(
        Pod(name=f"checkout-{n}", image=GOOD, container="checkout", ready=True) for n in range(replicas)
    )
    return made


def test_every_series_of_a_pod_exists_before_its_first_request() -> None:
    with shop_over(PodList([pod("a", ready=False)]), requests_per_second=0) as shop:
        name = "checkout-7d9f8c6b5-a"
        for code in ("200", "500"):
            assert total(shop, "http_requests_total", pod=name, code=code, deployment="checkout") == 0
        assert total(shop, "http_request_duration_seconds_bucket", pod=name, le="+Inf") == 0
        assert total(shop, "http_request_duration_seconds_bucket", pod=name, le="0.005") == 0
        assert total(shop, "container_memory_working_set_bytes", pod=name, container="checkout") == 0
        assert total(shop, "container_cpu_usage_seconds_total", pod=name, container="checkout") == 0
        assert total(shop, "kube_pod_container_resource_limits", pod=name, resource="memory", unit="byte")
        assert total(shop, "kube_pod_container_resource_limits", pod=name, resource="cpu", unit="core")


def test_requests_fail_when_the_running_image_is_bad_and_only_then() -> None:
    pods = PodList([pod("a")])
    with shop_over(pods) as shop:
        eventually(lambda: total(shop, "http_requests_total", code="200"))
        assert total(shop, "http_requests_total", code="500") == 0
        pods.pods = [pod("b", BAD, template="6c5d4")]
        eventually(lambda: total(shop, "http_requests_total", code="500", pod="checkout-6c5d4-b"))


def test_a_pod_that_is_gone_takes_its_series_along() -> None:
    pods = PodList([pod("a"), pod("b")])
    with shop_over(pods) as shop:
        eventually(lambda: total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-b"))
        pods.pods = [pod("a")]
        eventually(lambda: total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-b") is None)
        assert total(shop, "container_memory_working_set_bytes", pod="checkout-7d9f8c6b5-b") is None


def test_pods_of_a_workload_whose_name_begins_alike_are_not_the_shops() -> None:
    with shop_over(PodList([pod("a"), pod("b", workload="checkout-worker")])) as shop:
        assert total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-a") is not None
        assert total(shop, "http_requests_total", pod="checkout-worker-7d9f8c6b5-b") is None


def test_only_ready_pods_serve() -> None:
    pods = PodList([pod("a"), pod("b", ready=False), pod("c", terminating=True)])
    with shop_over(pods) as shop:
        eventually(lambda: total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-a"))
        assert total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-b") == 0
        assert total(shop, "http_requests_total", pod="checkout-7d9f8c6b5-c") == 0


def test_the_shop_goes_on_while_the_api_is_away() -> None:
    pods = PodList([pod("a")])
    with shop_over(pods) as shop:
        pods.pods = None
        before = total(shop, "http_requests_total") or 0
        eventually(lambda: (total(shop, "http_requests_total") or 0) > before + 100)


@pytest.mark.parametrize(
    ("pods", "status", "images"),
    [
        ([pod("a"), pod("b", BAD)], 200, [GOOD, BAD]),
        ([pod("a"), pod("b", SICK)], 503, [GOOD, SICK]),
        ([pod("a", ready=False)], 503, []),
        ([], 503, []),
    ],
)
def test_health_needs_a_ready_pod_and_no_sick_one(
    pods: list[dict[str, object]], status: int, images: list[str]
) -> None:
    with shop_over(PodList(pods)) as shop:
        answer = httpx.get(f"{shop.url}/health")
        assert answer.status_code == status
        assert answer.json() == {"status": "ok" if status == 200 else "unavailable", "images": images}


def test_the_front_page_fails_as_often_as_the_image_does() -> None:
    pods = PodList([pod("a", BAD)])
    with shop_over(pods, requests_per_second=0) as shop:
        assert httpx.get(shop.url).status_code == 500
        assert total(shop, "http_requests_total", code="500") == 1
        pods.pods = [pod("b")]
        answer = eventually(lambda: (got := httpx.get(shop.url)).status_code == 200 and got)
        assert answer.json()["image"] == GOOD  # type: ignore[union-attr]
        pods.pods = []
        eventually(lambda: httpx.get(shop.url).status_code == 503)


def test_traffic_can_be_switched_off_and_on() -> None:
    with shop_over(PodList([pod("a")])) as shop:
        eventually(lambda: total(shop, "http_requests_total"))
        assert httpx.post(f"{shop.url}/sandbox/traffic", json={"requests_per_second": 0}).is_success
        shop.traffic.pass_time(0.0)
        idle = total(shop, "http_requests_total")
        shop.traffic.pass_time(60.0)
        assert total(shop, "http_requests_total") == idle
        shop.set_traffic(500)
        eventually(lambda: (total(shop, "http_requests_total") or 0) > (idle or 0))


@pytest.mark.parametrize(
    "body", ['{"requests_per_second": -1}', '{"requests_per_second": "NaN"}', "{}", "[]", "fast"]
)
def test_traffic_that_is_no_sensible_number_is_refused(body: str) -> None:
    with shop_over(PodList([]), requests_per_second=7) as shop:
        answer = httpx.post(f"{shop.url}/sandbox/traffic", content=body)
        assert answer.status_code == 400
        assert "requests_per_second" in answer.json()["error"]
        assert shop.traffic.requests_per_second == 7


def test_adding_replicas_lowers_usage_only_where_the_load_is_shared() -> None:
    def memory_ratio(behaviour: ImageBehaviour, replicas: int) -> float:
        made = traffic(behaviour, replicas=replicas)
        made.pass_time(1.0)
        [memory] = [
            each for each in made.metric_families() if each.name == "container_memory_working_set_bytes"
        ]
        return sum(sample.value for sample in memory.samples) / replicas / MEMORY_LIMIT_BYTES

    shared = ImageBehaviour(memory_ratio=0.98, load_shared=True)
    assert memory_ratio(shared, 3) == pytest.approx(0.98, rel=0.011)
    assert memory_ratio(shared, 6) == pytest.approx(0.49, rel=0.011)
    assert memory_ratio(shared, 1) == pytest.approx(0.98, rel=0.011)
    assert memory_ratio(ImageBehaviour(memory_ratio=0.98), 6) == pytest.approx(0.98, rel=0.011)


def test_the_same_seed_gives_the_same_traffic() -> None:
    def counted(seed: int) -> object:
        made = traffic(ImageBehaviour(error_ratio=0.5), replicas=3, seed=seed)
        made.pass_time(2.5)
        made.pass_time(2.5)
        return [sample for family in made.metric_families() for sample in family.samples]

    assert counted(1) == counted(1)
    assert counted(1) != counted(2)


def test_requests_come_at_the_wanted_rate_and_fail_at_the_given_ratio() -> None:
    made = traffic(ImageBehaviour(error_ratio=0.25), replicas=3)
    for _ in range(1000):
        made.pass_time(0.053)
    [requests] = [each for each in made.metric_families() if each.name == "http_requests"]
    failed = sum(sample.value for sample in requests.samples if sample.labels["code"] == "500")
    served = sum(sample.value for sample in requests.samples)
    assert served == pytest.approx(5300, abs=1)
    assert failed / served == pytest.approx(0.25, abs=0.02)
