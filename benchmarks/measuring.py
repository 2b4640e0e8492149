"""What was measured: series of values, and rows that hold one against another or against a goal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True)
class Spread:
    """The median of some values and the quartiles around it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread; one value has none. Raises ValueError for no values."""
        if not values:
            raise ValueError("nothing was measured")
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        lower, middle, upper = quantiles(values, n=4, method="inclusive")
        return cls(middle, lower, upper)


@dataclass(frozen=True)
class Series:
    """The values of one thing, in the order they were measured, in `unit`."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def spread(self) -> Spread:
        """Median and quartiles."""
        return Spread.of(self.values)


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, against what, and what it may be at most.

    `at_most` is for the ratio where there is something to compare with, else for the median.
    """

    subject: Series
    against: Series | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The ratio of the medians."""
        if self.against is None:
            return None
        return median(self.subject.values) / median(self.against.values)

    @property
    def ratios(self) -> Spread | None:
        """The spread of the ratios of the rounds; both series have one value a round."""
        if self.against is None:
            return None
        pairs = zip(self.subject.values, self.against.values, strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without one."""
        if self.at_most is None:
            return None
        reached = self.ratio if self.against is not None else self.subject.spread.median
        return reached is not None and reached <= self.at_most


@dataclass(frozen=True)
class Outcome:
    """What a benchmark found, and notes on what it was measured with."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())


class Skipped(Exception):
    """A benchmark that cannot be run on this machine; the text says what is missing."""


Benchmark = Callable[[], Outcome]


def interleaved(contenders: Sequence[Callable[[], float]], *, rounds: int) -> list[tuple[float, ...]]:
    """Run the contenders in turn, each first as often as the others; return each one's values in order."""
    values: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds):
        for offset in range(len(contenders)):
            i = (turn + offset) % len(contenders)
            values[i].append(contenders[i]())
    return [tuple(series) for series in values]
