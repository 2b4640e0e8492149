"""Expressions evaluated over recorded samples, at one moment."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.prometheus.functions import OVER_RANGE, Range, quantile, replaced_label
from sandbox.prometheus.operators import Vector, combine, group_key, vector_of, without_name
from sandbox.prometheus.samples import Labels, SampleStore
from sandbox.prometheus.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Grouping,
    Negation,
    Number,
    QueryError,
    Selector,
    Text,
)

LOOKBACK_MS = 5 * 60 * 1000
"""How far back an instant selector looks for the newest sample."""

Matrix = dict[Labels, Range]
Value = float | Vector | Matrix


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of expressions at `at_ms` (Unix milliseconds)."""

    store: SampleStore
    at_ms: int

    def value(self, expression: Expression) -> Value:
        """Evaluate anything that may stand at the top of a query."""
        if isinstance(expression, Selector) and expression.window_ms is not None:
            return self._matrix(expression)
        return self._instant(expression)

    def _instant(self, expression: Expression) -> float | Vector:
        match expression:
            case Number(value=value):
                return value
            case Text():
                raise QueryError("expected a number or an instant vector, got a string")
            case Selector():
                return self._newest(expression)
            case Call():
                return self._call(expression)
            case Aggregation():
                return _aggregate(expression, self._vector(expression.operand))
            case Binary():
                return combine(expression, self._instant(expression.left), self._instant(expression.right))
            case Negation():
                operand = self._instant(expression.operand)
                return _map(operand, lambda value: -value) if isinstance(operand, dict) else -operand

    def _vector(self, expression: Expression) -> Vector:
        value = self._instant(expression)
        if not isinstance(value, dict):
            raise QueryError("expected an instant vector, got a scalar")
        return value

    def _scalar(self, expression: Expression) -> float:
        value = self._instant(expression)
        if isinstance(value, dict):
            raise QueryError("expected a scalar, got an instant vector")
        return value

    def _newest(self, selector: Selector) -> Vector:
        """Take each series' newest sample, unless it is too old or the series has ended."""
        last_ms = self.at_ms - selector.offset_ms
        found = self.store.within(selector.matchers, first_ms=last_ms - LOOKBACK_MS, last_ms=last_ms)
        return {labels: points[-1].value for labels, points in found if points[-1].value is not None}

    def _matrix(self, selector: Selector) -> Matrix:
        last_ms = self.at_ms - selector.offset_ms
        first_ms = last_ms - (selector.window_ms or 0)
        matrix = {}
        for labels, points in self.store.within(selector.matchers, first_ms=first_ms, last_ms=last_ms):
            live = [(at_ms, value) for at_ms, value in points if value is not None]
            if live:
                matrix[labels] = Range(first_ms, last_ms, live)
        return matrix

    def _call(self, call: Call) -> float | Vector:
        match call.function, call.arguments:
            case "time", _:
                return self.at_ms / 1000
            case "vector", (argument,):
                return {(): self._scalar(argument)}
            case "scalar", (argument,):
                values = list(self._vector(argument).values())
                return values[0] if len(values) == 1 else math.nan
            case "histogram_quantile", (ratio, argument):
                return _histogram_quantile(self._scalar(ratio), self._vector(argument))
            case "label_replace", (argument, *texts):
                target, replacement, source, pattern = (
                    each.value for each in texts if isinstance(each, Text)
                )
                return vector_of(
                    (replaced_label(labels, target, replacement, source, pattern), value)
                    for labels, value in self._vector(argument).items()
                )
            case "clamp_max", (argument, bound):
                highest = self._scalar(bound)
                return _map(self._vector(argument), lambda value: min(value, highest))
            case "clamp_min", (argument, bound):
                lowest = self._scalar(bound)
                return _map(self._vector(argument), lambda value: max(value, lowest))
            case name, (Selector() as selector,):
                results = [
                    (without_name(labels), OVER_RANGE[name](window))
                    for labels, window in self._matrix(selector).items()
                ]
                return vector_of((labels, value) for labels, value in results if value is not None)
        raise QueryError(f"unknown function with name {call.function!r}")


def _map(vector: Vector, change: Callable[[float], float]) -> Vector:
    return vector_of((without_name(labels), change(value)) for labels, value in vector.items())


def _extreme(values: Sequence[float], choose: Callable[[Sequence[float]], float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return choose(numbers) if numbers else math.nan


_AGGREGATE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
    "min": lambda values: _extreme(values, min),
    "max": lambda values: _extreme(values, max),
}


def _aggregate(aggregation: Aggregation, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(group_key(labels, aggregation.grouping), []).append(value)
    return {labels: float(_AGGREGATE[aggregation.operator](values)) for labels, values in groups.items()}


def _histogram_quantile(ratio: float, vector: Vector) -> Vector:
    """Estimate the quantile of every histogram in the vector; passes over series without a numeric `le`."""
    histograms: dict[Labels, dict[float, float]] = {}
    for labels, count in vector.items():
        try:
            bound = float(dict(labels).get("le", ""))
        except ValueError:
            continue
        buckets = histograms.setdefault(group_key(labels, Grouping(("le",), without=True)), {})
        buckets[bound] = buckets.get(bound, 0.0) + count
    return {labels: quantile(ratio, list(buckets.items())) for labels, buckets in histograms.items()}
