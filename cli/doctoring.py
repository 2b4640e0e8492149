"""Command doctor: whether everything is there that a rollback needs."""

from collections.abc import Mapping
from typing import Any

import typer

from cli import printing
from cli.client import DEFAULT_URL, Server, Token, Url
from cli.printing import Json, short

COLOURS = {"ok": "green", "missing": "red", "broken": "red", "off": "dim"}


def doctor(url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False) -> None:
    """Tell of every prerequisite whether it is there and works, and how to mend it; exit code 1 if not."""
    with printing.telling(as_json):
        told = Server(url, token).call("GET", "doctor")
    if as_json:
        printing.document(told)
    else:
        _tell(told)
    raise typer.Exit(0 if told["ok"] else 1)


def _tell(told: Mapping[str, Any]) -> None:
    listed = printing.table("prerequisite", "state", "found", "how to mend it")
    for finding in told["findings"]:
        state = str(finding["state"])
        coloured = f"[{COLOURS.get(state, 'red')}]{short(state)}[/]"
        listed.add_row(short(finding["name"]), coloured, short(finding["detail"]), short(finding["mend"]))
    console = printing.console()
    console.print(listed)
    wrong = [finding for finding in told["findings"] if finding["state"] in ("missing", "broken")]
    console.print(f"{len(wrong)} to mend" if wrong else "everything that is configured works")
