"""Health endpoints that answer as the test wrote down."""

from collections.abc import Mapping, Sequence

from shared.ports import HealthCheck


class FakeHealth:
    """Every endpoint is ok, except those in `broken` (what is wrong, by URL). Keeps its `calls`."""

    def __init__(self, broken: Mapping[str, str] | None = None) -> None:
        self.broken = dict(broken or {})
        self.calls: list[tuple[str, ...]] = []

    def check(self, urls: Sequence[str]) -> Sequence[HealthCheck]:
        self.calls.append(tuple(urls))
        return [
            HealthCheck(url, ok=url not in self.broken, detail=self.broken.get(url, "200 OK")) for url in urls
        ]
