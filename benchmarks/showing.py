"""How what was measured is shown: a table for people, a document for programs."""

from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Outcome, Row, Spread

Results = Mapping[str, Outcome | str]
"""By benchmark what it found, or why it was not run."""


COLUMNS = ("", "median", "quartiles", "against", "median", "ratio", "quartiles", "goal")


def show(results: Results, console: Console) -> None:
    """Print a table of all rows, and below it the notes."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for name, outcome in results.items():
        table.add_row(f"[bold]{name}[/]")
        for row in outcome.rows if isinstance(outcome, Outcome) else ():
            table.add_row(*cells(row))
    console.print(table)
    for name, outcome in results.items():
        for note in outcome.notes if isinstance(outcome, Outcome) else [f"not run: {outcome}"]:
            console.print(f"{name}: {note}", markup=False)


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of one row."""
    goal = "" if row.at_most is None else f"≤ {row.at_most:g}, {'met' if row.met else 'MISSED'}"
    ours = (
        row.subject.name,
        _value(row.subject.spread.median, row.subject.unit),
        _quartiles(row.subject.spread),
    )
    if row.against is None or row.ratio is None or row.ratios is None:
        return (*ours, "", "", "", "", goal)
    theirs = (row.against.name, _value(row.against.spread.median, row.against.unit))
    return (*ours, *theirs, f"{row.ratio:.2f}", _quartiles(row.ratios), goal)


def document(results: Results) -> dict[str, object]:
    """Return everything that was measured, each single value too."""
    return {name: _told(outcome) for name, outcome in results.items()}


def _told(outcome: Outcome | str) -> dict[str, object]:
    if isinstance(outcome, str):
        return {"skipped": outcome}
    return {"rows": [_row(row) for row in outcome.rows], "notes": list(outcome.notes)}


def _row(row: Row) -> dict[str, object]:
    told = asdict(row) | {"spread": asdict(row.subject.spread), "met": row.met}
    if row.against is not None and row.ratios is not None:
        told |= {
            "against_spread": asdict(row.against.spread),
            "ratio": row.ratio,
            "ratios": asdict(row.ratios),
        }
    return told


def _value(value: float, unit: str) -> str:
    return f"{_digits(value)} {unit}".rstrip()


def _quartiles(spread: Spread) -> str:
    if spread.lower == spread.upper:
        return ""
    return f"{_digits(spread.lower)} - {_digits(spread.upper)}"


def _digits(value: float) -> str:
    """Write about three digits; counts stay whole."""
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
