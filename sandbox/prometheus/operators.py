"""PromQL's operators between numbers and vectors."""

import math
import operator
from collections.abc import Callable, Iterable

from sandbox.prometheus.samples import NAME, Labels, labels_of
from sandbox.prometheus.syntax import COMPARISONS, Binary, Grouping, Matching, QueryError

Vector = dict[Labels, float]


def _divide(left: float, right: float) -> float:
    """Divide as IEEE 754 does: 0/0 is NaN, anything else over 0 infinite."""
    if right:
        return left / right
    return (
        math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
    )


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def vector_of(pairs: Iterable[tuple[Labels, float]]) -> Vector:
    """Collect samples; raise `QueryError` (`execution`) when two have the same labels."""
    vector: Vector = {}
    for labels, value in pairs:
        if labels in vector:
            raise QueryError("vector cannot contain metrics with the same labelset", error_type="execution")
        vector[labels] = value
    return vector


def group_key(labels: Labels, grouping: Grouping) -> Labels:
    """Reduce a label set to what `by`, `without`, `on` or `ignoring` leave of it."""
    if grouping.without:
        return tuple(pair for pair in labels if pair[0] not in grouping.labels and pair[0] != NAME)
    return tuple(pair for pair in labels if pair[0] in grouping.labels)


def without_name(labels: Labels) -> Labels:
    """Drop the metric's name, as everything does that changes the value."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def combine(binary: Binary, left: float | Vector, right: float | Vector) -> float | Vector:
    """Apply an operator to the values of its two sides."""
    if isinstance(left, dict):
        if isinstance(right, dict):
            return _between(binary, left, right)
        number = right
        return _each(binary, left, lambda value: (value, number))
    if isinstance(right, dict):
        number = left
        return _each(binary, right, lambda value: (number, value))
    return _apply(binary, left, right)[0]


def _between(binary: Binary, left: Vector, right: Vector) -> Vector:
    if binary.operator in _SETS:
        return _SETS[binary.operator](left, right, binary.matching.grouping)
    return _pair(binary, left, right)


def _apply(binary: Binary, left: float, right: float) -> tuple[float, bool]:
    """Compute the value, and whether a filtering comparison lets it through."""
    if binary.operator not in COMPARISONS:
        return ARITHMETIC[binary.operator](left, right), True
    holds = _COMPARE[binary.operator](left, right)
    return (float(holds), True) if binary.as_bool else (left, holds)


def _keeps_name(binary: Binary) -> bool:
    return binary.operator in COMPARISONS and not binary.as_bool


def _each(binary: Binary, vector: Vector, sides: Callable[[float], tuple[float, float]]) -> Vector:
    pairs = []
    for labels, value in vector.items():
        result, kept = _apply(binary, *sides(value))
        if kept:
            filtered = _keeps_name(binary)
            pairs.append((labels if filtered else without_name(labels), value if filtered else result))
    return vector_of(pairs)


def _pair(binary: Binary, left: Vector, right: Vector) -> Vector:
    """Match the two sides by their labels, one to one or, with `group_left` or `group_right`, many to one."""
    matching = binary.matching
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    partners = _partners(one, matching.grouping)
    pairs, used = [], set()
    for labels, value in many.items():
        key = group_key(labels, matching.grouping)
        if key not in partners:
            continue
        other_labels, other = partners[key]
        result, kept = _apply(binary, *((other, value) if swapped else (value, other)))
        if not kept:
            continue
        if matching.many is None and key in used:
            raise QueryError(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                error_type="execution",
            )
        used.add(key)
        pairs.append((_paired_labels(labels, other_labels, matching, keep_name=_keeps_name(binary)), result))
    return vector_of(pairs)


def _partners(one: Vector, grouping: Grouping) -> dict[Labels, tuple[Labels, float]]:
    """Find the only series of each match group on the side that may have just one."""
    partners: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one.items():
        key = group_key(labels, grouping)
        if key in partners:
            raise QueryError(
                f"found duplicate series for the match group {dict(key)}: many-to-many matching not allowed",
                error_type="execution",
            )
        partners[key] = labels, value
    return partners


def _paired_labels(many: Labels, one: Labels, matching: Matching, *, keep_name: bool) -> Labels:
    kept = many if keep_name else without_name(many)
    if matching.many is None:
        listed = matching.grouping.labels
        return tuple(pair for pair in kept if (pair[0] in listed) is not matching.grouping.without)
    included = {name: dict(one).get(name, "") for name in matching.include}
    return labels_of(dict(kept) | included)


def _keys(vector: Vector, grouping: Grouping) -> set[Labels]:
    return {group_key(labels, grouping) for labels in vector}


def _and(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    keys = _keys(right, grouping)
    return {labels: value for labels, value in left.items() if group_key(labels, grouping) in keys}


def _unless(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    keys = _keys(right, grouping)
    return {labels: value for labels, value in left.items() if group_key(labels, grouping) not in keys}


def _or(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    return vector_of([*left.items(), *_unless(right, left, grouping).items()])


_SETS: dict[str, Callable[[Vector, Vector, Grouping], Vector]] = {"and": _and, "or": _or, "unless": _unless}
