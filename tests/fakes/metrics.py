"""Metrics that remember each measurement."""

from collections.abc import Sequence

from shared.domain.metrics import Measure, Metric


class FakeMetrics:
    """Keeps what was measured, in order."""

    def __init__(self) -> None:
        self.measures: list[Measure] = []

    def add(self, measures: Sequence[Measure]) -> None:
        self.measures.extend(measures)

    def text(self) -> bytes:
        return b""

    def of(self, metric: Metric) -> list[tuple[str, ...]]:
        """Return the labels of each measurement of a metric."""
        return [measure.labels for measure in self.measures if measure.metric is metric]
