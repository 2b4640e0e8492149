"""Time series in memory."""

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

NAME = "__name__"

Labels = tuple[tuple[str, str], ...]
"""A label set: pairs sorted by label name, the metric's name under `__name__`."""


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """Build a label set; an empty value is the same as no label."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


class Point(NamedTuple):
    """A value at a time in Unix milliseconds; None marks the end of the series, until a later value."""

    at_ms: int
    value: float | None


@dataclass(frozen=True)
class Matcher:
    """One condition on a label: `=`, `!=`, `=~` or `!~`. Patterns match the whole value."""

    label: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        """Compile the pattern; raise `re.error` when it is none."""
        if self.operator in ("=~", "!~"):
            _ = self._pattern

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.value)

    def matches(self, value: str) -> bool:
        """Tell whether a label with this value passes; a missing label has the value ''."""
        if self.operator in ("=", "!="):
            return (value == self.value) == (self.operator == "=")
        return bool(self._pattern.fullmatch(value)) == (self.operator == "=~")


@dataclass
class SampleStore:
    """Samples of the last `retention_seconds`; safe to use from several threads."""

    retention_seconds: float = 1800.0
    _series: dict[str, dict[Labels, list[Point]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, samples: Iterable[tuple[Labels, float | None]], *, at_ms: int) -> None:
        """Append one scrape's samples, whose time is later than any recorded for the same series."""
        with self._lock:
            for labels, value in samples:
                points = self._series.setdefault(dict(labels)[NAME], {}).setdefault(labels, [])
                points.append(Point(at_ms, value))

    def forget_old(self, *, now_ms: int) -> None:
        """Drop what is past retention, and series of which nothing is left."""
        oldest = now_ms - int(self.retention_seconds * 1000)
        with self._lock:
            for name, by_labels in list(self._series.items()):
                for labels, points in list(by_labels.items()):
                    del points[: bisect_left(points, oldest, key=_at)]
                    if not points:
                        del by_labels[labels]
                if not by_labels:
                    del self._series[name]

    def within(
        self, matchers: Sequence[Matcher], *, first_ms: int, last_ms: int
    ) -> list[tuple[Labels, list[Point]]]:
        """Find the points from `first_ms` to `last_ms`, both included, of each series that has any."""
        found = []
        with self._lock:
            for labels, points in self._matching(matchers):
                low, high = bisect_left(points, first_ms, key=_at), bisect_right(points, last_ms, key=_at)
                if low < high:
                    found.append((labels, points[low:high]))
        return found

    def _matching(self, matchers: Sequence[Matcher]) -> Iterable[tuple[Labels, list[Point]]]:
        for name, by_labels in self._series.items():
            if all(each.matches(name) for each in matchers if each.label == NAME):
                for labels, points in by_labels.items():
                    values = dict(labels)
                    if all(each.matches(values.get(each.label, "")) for each in matchers):
                        yield labels, points


def _at(point: Point) -> int:
    return point.at_ms
