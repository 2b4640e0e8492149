"""Measures a service: which queries are needed, asked at once, and what follows from the answers."""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime

from shared.adapters.http_client import NO_HEADERS, HttpClient
from shared.adapters.prometheus.profiles import TRAFFIC, profile_queries
from shared.adapters.prometheus.querying import QueryApi
from shared.domain.services import QUERYABLE, Service, SignalQuery
from shared.domain.signals import NEEDS_TRAFFIC, NEVER_QUERIED, NOT_MEASURED, Reading, Signal, quieted
from shared.ports import Measured

_MOST_SIDE_BY_SIDE = 16
_LONGEST_MEASURE_SECONDS = 10.0
_ONE_BY_ONE_SECONDS = 300.0
"""How long the profiles' queries are asked one by one after they could not be asked together."""


class PrometheusSignals:
    """The signal source that speaks Prometheus's HTTP API; safe to share between threads.

    `headers` (a tenant, a bearer token) go with each query; `renewed` looks those up anew that hold secrets,
    when they were rejected. `timeout_seconds` bounds one query; a whole measure takes twice that or ten
    seconds at most. `window_seconds` is what the profiles' queries look back over: at least four scrape
    intervals. A sample further than `stale_after_seconds` from the time asked about is not used.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout_seconds: float = 5.0,
        stale_after_seconds: float = 60.0,
        window_seconds: float = 60.0,
        renewed: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        # Packing an answer of one number takes both sides longer than sending it.
        headers = {"Accept-Encoding": "identity", **headers}
        http = HttpClient(headers=headers, timeout_seconds=timeout_seconds)
        self._api = QueryApi(url, http=http, renewed=renewed, stale_after_seconds=stale_after_seconds)
        self._window_seconds = window_seconds
        self._measure_seconds = min(2 * timeout_seconds, _LONGEST_MEASURE_SECONDS)
        self._one_by_one_until = 0.0
        self._threads = ThreadPoolExecutor(_MOST_SIDE_BY_SIDE, thread_name_prefix="prometheus")

    def warm(self) -> None:
        """Import the HTTP client and open as many connections as a measure can use, if anyone is there."""
        one = SignalQuery("1", 0.0)
        self._ask({}, dict.fromkeys((TRAFFIC, *QUERYABLE), one), at=None)

    def measure(
        self,
        service: Service,
        wanted: Collection[Signal],
        *,
        at: datetime | None = None,
        p95_before: Reading | None = None,
    ) -> Measured:
        profile = profile_queries(service.profile, service, self._window_seconds)
        queries = {**profile, **service.queries}
        sources = {signal: _source(signal, queries) for signal in wanted if signal not in NEVER_QUERIED}
        needed = {*sources.values(), *({TRAFFIC} if NEEDS_TRAFFIC & sources.keys() else ())}
        answers = self._ask(
            {name: query for name, query in profile.items() if name in needed - service.queries.keys()},
            {name: query for name, query in service.queries.items() if name in needed},
            at=at,
        )

        def reading(signal: Signal, source: str) -> Reading:
            answer = answers.get(source) or Reading.unknown(f"{source}: no query")
            return answer if source == signal else _regression(answer, p95_before)

        traffic = answers.get(TRAFFIC, NOT_MEASURED)
        return Measured(
            readings=quieted(
                {signal: reading(signal, source) for signal, source in sources.items()},
                traffic=traffic,
                minimum_per_minute=service.min_requests_per_minute,
            ),
            traffic_per_minute=traffic,
            windows={
                signal: queries[source].window_seconds
                for signal, source in sources.items()
                if source in queries
            },
        )

    def _ask(
        self, profile: Mapping[str, SignalQuery], own: Mapping[str, SignalQuery], *, at: datetime | None
    ) -> dict[str, Reading]:
        """Ask all at once; what has not come back in time is unknown. Each reason begins with the name.

        The profile's queries go in one request, for one costs us as much time as the source needs for it.
        The service's own may give a scalar, many series or nothing for long, so each is asked by itself.
        """
        deadline = time.monotonic() + self._measure_seconds
        asked = self._each(own, at)
        answers = self._together(profile, at) if len(profile) > 1 else None
        if answers is None:
            answers = {}
            asked |= self._each(profile, at)
        wait(asked.values(), timeout=max(0.0, deadline - time.monotonic()))
        late = Reading.unknown(f"no answer in {self._measure_seconds:g} s")
        answers |= {name: future.result() if future.done() else late for name, future in asked.items()}
        for future in asked.values():
            future.cancel()
        return {
            name: Reading.unknown(f"{name}: {answer.why}") if answer.is_unknown else answer
            for name, answer in answers.items()
        }

    def _each(self, queries: Mapping[str, SignalQuery], at: datetime | None) -> dict[str, Future[Reading]]:
        return {
            name: self._threads.submit(self._api.ask, query.query, at=at) for name, query in queries.items()
        }

    def _together(self, queries: Mapping[str, SignalQuery], at: datetime | None) -> dict[str, Reading] | None:
        """Ask in one request; None when that fails, or did a short while ago, or takes half the measure.

        So one slow or impossible query costs the others time, and never their answers.
        """
        if time.monotonic() < self._one_by_one_until:
            return None
        texts = {name: query.query for name, query in queries.items()}
        asked = self._threads.submit(self._api.ask_together, texts, at=at)
        wait([asked], timeout=self._measure_seconds / 2)
        answers = asked.result() if asked.done() else None
        asked.cancel()
        if answers is None:
            self._one_by_one_until = time.monotonic() + _ONE_BY_ONE_SECONDS
        return answers


def _source(signal: Signal, queries: Mapping[str, SignalQuery]) -> str:
    """Name the query that a signal is read from: its own, or for the regression that of the latency."""
    if signal is Signal.LATENCY_REGRESSION and signal not in queries:
        return Signal.LATENCY_P95
    return signal


def _regression(now: Reading, before: Reading | None) -> Reading:
    """Return by what share the p95 has grown (0.5: half as much again)."""
    name = Signal.LATENCY_REGRESSION
    if now.value is None:
        return Reading.unknown(f"{name}: {now.why}")
    if before is None or before.value is None:
        return Reading.unknown(f"{name}: {before.why if before else 'nothing to compare with'}")
    if before.value <= 0:
        return Reading.unknown(f"{name}: the latency before was {before.value:g} s")
    return Reading.number(now.value / before.value - 1)
