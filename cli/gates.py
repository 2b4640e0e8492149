"""Commands on deploy gates: gate, ungate."""

from typing import Annotated

import typer

from cli import printing
from cli.client import DEFAULT_URL, Server, Token, Url
from cli.printing import Json, short

Name = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name.", show_default=False)]


def gate(service: Name, url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False) -> None:
    """Say whether a service may be deployed; exit code 1 while a rollback keeps its gate closed."""
    with printing.telling(as_json):
        told = Server(url, token).call("GET", "gates", service)
    if as_json:
        printing.document(told)
    else:
        printing.console().print(short(f"{service}: {told['gate']}"))


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
        printing.console().print(short(f"{service}: {'opened' if told['opened'] else 'was open'}"))
