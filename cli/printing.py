"""Printing: one JSON document for programs, rich text for people, and errors as either."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.errors import BackoutError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

PIPED_WIDTH = 200
"""Columns where there is no terminal: nothing is cut off that a program might read."""


class Failed(Exception):
    """A call that did not do what was asked; `problem` is its problem document (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or problem))
        self.problem = problem


def console() -> Console:
    """Return a console on stdout as it is now."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def table(*columns: str, title: str = "") -> Table:
    """Return an empty table, its title and headings plain."""
    made = Table(title=escape(title) or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def document(value: object) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def telling(as_json: bool) -> Iterator[None]:
    """Print what went wrong and end with exit code 1."""
    try:
        yield
    except (Failed, BackoutError) as error:
        if as_json:
            document(dict(error.problem) if isinstance(error, Failed) else {"detail": str(error)})
        else:
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]{escape(str(error))}[/]")
        raise typer.Exit(1) from error


def plural(count: object, noun: str) -> str:
    """Return how many there are: 1 alert, 2 alerts."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def short(text: object) -> str:
    """Return a cell's text: nothing for what is not there."""
    return "" if text is None else escape(str(text))
