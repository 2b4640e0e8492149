"""Commands on deploy gates: gate, ungate."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import printing
from cli.client import DEFAULT_URL, Server, Token, Url
from cli.printing import Json, short

Name = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name.", show_default=False)]


def gate(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="The service's name.", show_default=False)
    ] = "",
    every: Annotated[
        bool, typer.Option("--list", help="List what is closed, here and at GitHub and Argo CD.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say whether a service may be deployed; exit code 1 while a rollback keeps its gate closed."""
    if bool(service) is every:
        raise typer.BadParameter("name a service, or give --list")
    with printing.telling(as_json):
        told = Server(url, token).call("GET", "gates", *([service] if service else []))
    if as_json:
        printing.document(told)
    elif service:
        printing.console().print(short(f"{service}: {told['gate']}"))
    else:
        printing.console().print(_listed(told["gates"]))


def _listed(gates: Sequence[Mapping[str, Any]]) -> Table | str:
    if not gates:
        return "Every gate is open, and nothing is closed outside."
    table = printing.table("service", "gate", "since", "response", "outside", "state", "detail")
    for gate in gates:
        row = (gate["service"], gate["gate"], gate["closed_at"], gate["response_id"])
        for each in gate["outside"] or [{}]:
            outside = f"{each['barrier']} {each['place']}".strip() if each else ""
            table.add_row(*map(short, (*row, outside, each.get("state"), each.get("detail"))))
    return table


def ungate(
    service: Name,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Let a service be deployed again after a rollback."""
    with printing.telling(as_json):
        told = Server(url, token).call("DELETE", "gates", service, body={"reason": reason})
    if as_json:
        printing.document(told)
    else:
        printing.console().print(short(f"{service}: {'opened' if told['opened'] else 'was open already'}"))
