"""The parts of a PromQL expression."""

from dataclasses import dataclass
from enum import Enum

from sandbox.prometheus.samples import Matcher


class QueryError(Exception):
    """A query that cannot be answered.

    `error_type` is Prometheus's own: `bad_data` for one that cannot be read or lies outside the subset,
    `execution` for one that the series at hand make impossible.
    """

    def __init__(self, message: str, *, error_type: str = "bad_data") -> None:
        super().__init__(message)
        self.error_type = error_type


class Kind(Enum):
    """What an expression evaluates to."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    MATRIX = "range vector"
    STRING = "string"


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True)
class Text:
    """A string, which only functions take."""

    value: str


@dataclass(frozen=True)
class Selector:
    """Series chosen by their labels, read `offset_ms` earlier; with `window_ms` a range of each."""

    matchers: tuple[Matcher, ...]
    window_ms: int | None = None
    offset_ms: int = 0


@dataclass(frozen=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Grouping:
    """Labels to keep (`by`, `on`), or with `without` those to leave out (`without`, `ignoring`)."""

    labels: tuple[str, ...]
    without: bool


@dataclass(frozen=True)
class Aggregation:
    """`sum by (pod) (…)` and its like."""

    operator: str
    operand: "Expression"
    grouping: Grouping


@dataclass(frozen=True)
class Matching:
    """How the two sides of an operator find each other.

    `many` names the side that may have several series for one of the other ("left" for `group_left`);
    `include` lists the labels that the result takes over from the other side.
    """

    grouping: Grouping = Grouping((), without=True)
    many: str | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True)
class Binary:
    """An operator between two expressions; `as_bool` is the modifier `bool`."""

    operator: str
    left: "Expression"
    right: "Expression"
    matching: Matching = Matching()
    as_bool: bool = False


@dataclass(frozen=True)
class Negation:
    """A minus sign in front."""

    operand: "Expression"


Expression = Number | Text | Selector | Call | Aggregation | Binary | Negation

SET_OPERATORS = frozenset({"and", "or", "unless"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})

FUNCTIONS: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    "rate": ((Kind.MATRIX,), Kind.VECTOR),
    "increase": ((Kind.MATRIX,), Kind.VECTOR),
    "irate": ((Kind.MATRIX,), Kind.VECTOR),
    "avg_over_time": ((Kind.MATRIX,), Kind.VECTOR),
    "max_over_time": ((Kind.MATRIX,), Kind.VECTOR),
    "min_over_time": ((Kind.MATRIX,), Kind.VECTOR),
    "histogram_quantile": ((Kind.SCALAR, Kind.VECTOR), Kind.VECTOR),
    "clamp_max": ((Kind.VECTOR, Kind.SCALAR), Kind.VECTOR),
    "clamp_min": ((Kind.VECTOR, Kind.SCALAR), Kind.VECTOR),
    "label_replace": ((Kind.VECTOR, Kind.STRING, Kind.STRING, Kind.STRING, Kind.STRING), Kind.VECTOR),
    "vector": ((Kind.SCALAR,), Kind.VECTOR),
    "scalar": ((Kind.VECTOR,), Kind.SCALAR),
    "time": ((), Kind.SCALAR),
}
"""What each function takes and gives."""


def kind_of(expression: Expression) -> Kind:
    """Tell what an expression will evaluate to, without evaluating it."""
    match expression:
        case Number():
            return Kind.SCALAR
        case Text():
            return Kind.STRING
        case Selector(window_ms=window_ms):
            return Kind.VECTOR if window_ms is None else Kind.MATRIX
        case Call(function=function):
            return FUNCTIONS[function][1]
        case Aggregation():
            return Kind.VECTOR
        case Negation(operand=operand):
            return kind_of(operand)
        case Binary(left=left, right=right):
            return Kind.SCALAR if {kind_of(left), kind_of(right)} == {Kind.SCALAR} else Kind.VECTOR
