"""From the webhook to its 202: a new alert and a repeat, against an endpoint that does one PutItem.

A new alert costs one read and one transaction, and in one process its worker starts beside the answer. The
alerts name workloads that the cluster does not have, so each response ends by itself before the next round.
"""

import sys
import time
from contextlib import ExitStack
from itertools import count

import httpx

from benchmarks import alerts, installation
from benchmarks.cluster import Cluster, cluster
from benchmarks.measuring import Outcome, Row, Series, interleaved
from benchmarks.programs import running, until
from benchmarks.tables import storage

ROUNDS = 60
NOWHERE = "http://127.0.0.1:9"


def run() -> Outcome:
    """Measure."""
    with ExitStack() as stack:
        on = stack.enter_context(cluster())
        table = stack.enter_context(storage())
        config = installation.configuration(on.namespace, [], prometheus_url=NOWHERE)
        backout = stack.enter_context(installation.serving(config, table, kubeconfig=on.kubeconfig))
        bare = stack.enter_context(
            running(
                [sys.executable, "-m", "benchmarks.bare_endpoint"],
                environment=table.environment,
                ready=lambda told: told.endswith("\n"),
            )
        ).strip()
        client = stack.enter_context(httpx.Client(headers=alerts.HEADERS, timeout=20))
        posting = _Posting(client, on, backout, bare)
        for _ in range(table.warm_up_calls):
            posting.recorded()
            posting.put()
        interleaved([posting.new, posting.repeat, posting.put], rounds=3)
        new, repeat, put = interleaved([posting.new, posting.repeat, posting.put], rounds=ROUNDS)
    least = Series("flask + one PutItem", "ms", put)
    rows = (Row(Series("new alert", "ms", new), least), Row(Series("repeat", "ms", repeat), least))
    return Outcome(rows, (f"{table.note}; {ROUNDS} rounds each",))


class _Posting:
    """Posts alerts, each for a workload of its own; times are milliseconds until the answer is read."""

    def __init__(self, client: httpx.Client, on: Cluster, backout: str, bare: str) -> None:
        self._client, self._on, self._backout, self._bare = client, on, backout, bare
        self._numbers = count()
        self._last = alerts.notification(on.namespace, "nobody")

    def new(self) -> float:
        """Post a new alert, and wait until its response has ended."""
        self._last = alerts.notification(self._on.namespace, f"nobody-{next(self._numbers)}")
        took, answer = self._post(f"{self._backout}/alertmanager")
        response = f"{self._backout}/responses/{answer.json()['results'][0]['response_id']}"
        until(lambda: self._client.get(response).json()["ended_at"] is not None, what="the response's end")
        return took

    def repeat(self) -> float:
        """Post the last new alert again."""
        return self._post(f"{self._backout}/alertmanager")[0]

    def put(self) -> float:
        """Post the last new alert to the bare endpoint."""
        return self._post(self._bare)[0]

    def recorded(self) -> None:
        """Post a new alert of the service that only observes."""
        body = alerts.notification(self._on.namespace, installation.OBSERVED, next(self._numbers))
        self._client.post(f"{self._backout}/alertmanager", content=body).raise_for_status()

    def _post(self, url: str) -> tuple[float, httpx.Response]:
        began = time.perf_counter()
        answer = self._client.post(url, content=self._last).raise_for_status()
        return (time.perf_counter() - began) * 1000, answer
