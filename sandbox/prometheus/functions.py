"""What PromQL's functions compute from the points of one series, or of one histogram."""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from sandbox.prometheus.samples import Labels, labels_of
from sandbox.prometheus.syntax import QueryError

# An extrapolation further than this many sample distances stops half a distance out.
_EXTRAPOLATION_LIMIT = 1.1
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Range:
    """The points that a range selector found in one series, oldest first and at least one."""

    first_ms: int
    last_ms: int
    points: Sequence[tuple[int, float]]

    @property
    def values(self) -> list[float]:
        """Leave the times out."""
        return [value for _, value in self.points]


def increase(window: Range) -> float | None:
    """Estimate how much a counter grew over the whole range; None with fewer than two points.

    Extrapolates to the ends of the range as Prometheus does: never to before the counter was zero, and not
    much further than the usual distance between samples. A falling value is a restart from zero.
    """
    if len(window.points) < 2:
        return None
    (start_ms, start), (end_ms, _) = window.points[0], window.points[-1]
    grown = sum(after - before if after >= before else after for before, after in pairwise(window.values))
    sampled = (end_ms - start_ms) / 1000
    before, after = (start_ms - window.first_ms) / 1000, (window.last_ms - end_ms) / 1000
    distance = sampled / (len(window.points) - 1)
    if grown > 0 and start >= 0:
        before = min(before, sampled * (start / grown))
    limit = distance * _EXTRAPOLATION_LIMIT
    covered = sampled + sum(gap if gap < limit else distance / 2 for gap in (before, after))
    return grown * (covered / sampled)


def rate(window: Range) -> float | None:
    """Estimate a counter's growth per second."""
    grown = increase(window)
    return None if grown is None else grown / ((window.last_ms - window.first_ms) / 1000)


def irate(window: Range) -> float | None:
    """Compute the growth per second between the last two points."""
    if len(window.points) < 2:
        return None
    (before_ms, before), (after_ms, after) = window.points[-2:]
    return (after - before if after >= before else after) / ((after_ms - before_ms) / 1000)


def _average(window: Range) -> float:
    return math.fsum(window.values) / len(window.points)


OVER_RANGE: dict[str, Callable[[Range], float | None]] = {
    "rate": rate,
    "increase": increase,
    "irate": irate,
    "avg_over_time": _average,
    "max_over_time": lambda window: max(window.values),
    "min_over_time": lambda window: min(window.values),
}


def quantile(ratio: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Estimate a quantile from cumulative (upper bound, count) pairs, by Prometheus's linear interpolation.

    NaN without a bucket up to infinity or without observations; a quantile in that last bucket gives the
    highest finite bound.
    """
    ordered = sorted(buckets)
    if math.isnan(ratio) or len(ordered) < 2 or ordered[-1][0] != math.inf:
        return math.nan
    if not 0 <= ratio <= 1:
        return math.copysign(math.inf, ratio)
    bounds = [bound for bound, _ in ordered]
    counts = list(accumulate((count for _, count in ordered), max))
    if math.isnan(counts[-1]) or counts[-1] == 0:
        return math.nan
    rank = ratio * counts[-1]
    chosen = bisect_left(counts, rank, hi=len(counts) - 1)
    if chosen == len(counts) - 1:
        return bounds[-2]
    if chosen == 0:
        if bounds[0] <= 0:
            return bounds[0]
        return bounds[0] * (rank / counts[0]) if counts[0] else math.nan
    low, below = bounds[chosen - 1], counts[chosen - 1]
    return low + (bounds[chosen] - low) * ((rank - below) / (counts[chosen] - below))


def replaced_label(labels: Labels, target: str, replacement: str, source: str, pattern: str) -> Labels:
    """Set the label `target` to the expanded replacement where the whole of `source` matches the pattern.

    Expands as Go does: ``$1``, ``${1}``, ``$name`` (the longest word), ``$$``; an unknown group is empty.
    """
    if not _LABEL_NAME.fullmatch(target):
        raise QueryError(
            f"invalid destination label name in label_replace(): {target}", error_type="execution"
        )
    known = dict(labels)
    try:
        match = re.fullmatch(pattern, known.get(source, ""))
    except re.error as error:
        wrong = f"invalid regular expression in label_replace(): {pattern}"
        raise QueryError(wrong, error_type="execution") from error
    if match is None:
        return labels
    groups = {str(n): text for n, text in enumerate((match[0], *match.groups()))} | match.groupdict()

    def expanded(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        return "$" if name is None else groups.get(name) or ""

    return labels_of({**known, target: _REFERENCE.sub(expanded, replacement)})
