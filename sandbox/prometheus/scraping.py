"""Targets scraped into the sample store."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from sandbox.prometheus.samples import NAME, Labels, SampleStore, labels_of

JOB = "sandbox"
_ACCEPT = "text/plain;version=0.0.4"


def now_ms() -> int:
    """Tell the time as sample times are written: Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Target:
    """One server whose `/metrics` is scraped.

    A label that the target itself sets wins over `job` and `instance` (`honor_labels: true`), so that series
    that speak of other pods, as those of kube-state-metrics do, keep their own names.
    """

    def __init__(self, url: str, *, store: SampleStore, client: httpx.Client, timeout_seconds: float) -> None:
        self.url = url
        self._own = {"job": JOB, "instance": urlsplit(url).netloc}
        self._store = store
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._before: set[Labels] = set()

    def scrape(self) -> None:
        """Read the target once; what it no longer shows ends at once, as does all of it when it is away."""
        at_ms = now_ms()
        try:
            answer = self._client.get(
                f"{self.url}/metrics", headers={"Accept": _ACCEPT}, timeout=self._timeout_seconds
            )
            answer.raise_for_status()
            samples = dict(self._samples(answer.text))
        except (httpx.HTTPError, ValueError):
            samples = {}
        ended = dict.fromkeys(self._before - samples.keys())
        up = labels_of({NAME: "up", **self._own})
        self._store.record([*samples.items(), *ended.items(), (up, float(bool(samples)))], at_ms=at_ms)
        self._before = set(samples)

    def _samples(self, text: str) -> Iterator[tuple[Labels, float]]:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield labels_of({**self._own, **sample.labels, NAME: sample.name}), sample.value
