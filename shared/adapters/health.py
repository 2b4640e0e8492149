"""Asks a service's health endpoints over HTTP."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from shared.adapters.http_client import HttpClient, why_unanswered
from shared.ports import HealthCheck

_MOST_SIDE_BY_SIDE = 8
_LONGEST_CHECK_SECONDS = 10.0


class HttpHealth:
    """Asks by GET; any 2xx is ok and its body is not read. Redirects are followed, five at most.

    `timeout_seconds` bounds each wait on the network; all endpoints together end in thrice that or ten
    seconds.
    """

    def __init__(self, timeout_seconds: float = 3.0) -> None:
        self._http = HttpClient(timeout_seconds=timeout_seconds)
        self._check_seconds = min(3 * timeout_seconds, _LONGEST_CHECK_SECONDS)
        self._threads = ThreadPoolExecutor(_MOST_SIDE_BY_SIDE, thread_name_prefix="health")

    def check(self, urls: Sequence[str]) -> Sequence[HealthCheck]:
        asked = [self._threads.submit(self._ask, url) for url in urls]
        wait(asked, timeout=self._check_seconds)
        late = f"no answer in {self._check_seconds:g} s"
        checks = [
            future.result() if future.done() else HealthCheck(url, ok=False, detail=late)
            for url, future in zip(urls, asked, strict=True)
        ]
        for future in asked:
            future.cancel()
        return checks

    def _ask(self, url: str) -> HealthCheck:
        import httpx

        try:
            with self._http.get().stream("GET", url, follow_redirects=True) as answer:
                detail = f"{answer.status_code} {answer.reason_phrase}".strip()
                return HealthCheck(url, ok=answer.is_success, detail=detail)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            why = why_unanswered(error, timeout_seconds=self._http.timeout_seconds)
            return HealthCheck(url, ok=False, detail=why)
