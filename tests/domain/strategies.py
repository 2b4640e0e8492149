"""Hypothesis strategies: readings of every kind, and matrices that a configuration may hold."""

from hypothesis import strategies as st

from shared.domain.matrix import DEFAULT_ROWS, Action, Matrix, Row, Severity
from shared.domain.signals import UNITS, Reading, Signal, Unit

values = st.one_of(
    st.floats(min_value=0, max_value=2),
    st.floats(min_value=0, max_value=1e9),
    st.sampled_from([row.threshold for row in DEFAULT_ROWS]),
)
signals = st.sampled_from(list(Signal))
unknown = st.builds(Reading.unknown, st.sampled_from(["the source is away", "no sample"]))
readings = st.one_of(
    st.builds(Reading.number, values), unknown, st.builds(Reading.idle, st.floats(min_value=0, max_value=9))
)
read = st.dictionaries(signals, readings)


@st.composite
def overridden(draw: st.DrawFn) -> Matrix:
    """Draw the built-in matrix with thresholds moved and rows switched off."""
    raised, high = sorted(draw(st.lists(values, min_size=2, max_size=2, unique=True)))
    moved = {"error_rate_raised": raised, "error_rate_high": high}
    rows = []
    for row in DEFAULT_ROWS:
        if draw(st.booleans()):
            flag = UNITS[row.signal] is Unit.FLAG
            threshold = row.threshold if flag else moved.get(row.name, draw(values))
            rows.append(Row(row.name, row.signal, threshold, row.action, row.severity, row.asks))
    return Matrix(tuple(rows))


@st.composite
def replaced(draw: st.DrawFn) -> Matrix:
    """Draw a matrix of rows of one's own: up to three a signal, each no milder than the one below it."""
    rows = []
    for signal in draw(st.sets(signals)):
        thresholds = sorted(draw(st.sets(values, max_size=3)))
        size = len(thresholds)
        actions = draw(st.lists(st.sampled_from(list(Action)), min_size=size, max_size=size))
        severities = draw(st.lists(st.sampled_from(list(Severity)), min_size=size, max_size=size))
        actions.sort(key=lambda action: action.urgency)
        severities.sort(key=lambda severity: severity.weight)
        rows += [
            Row(
                f"{signal}_{nth}", signal, thresholds[nth], actions[nth], severities[nth], draw(st.booleans())
            )
            for nth in range(size)
        ]
    return Matrix(tuple(draw(st.permutations(rows))))


matrices = st.one_of(st.just(Matrix()), overridden(), replaced())
