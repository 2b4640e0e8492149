"""Commands on freezes: freeze, thaw."""

from typing import Annotated, Any

import typer

from cli import printing
from cli.client import DEFAULT_URL, Server, Token, Url
from cli.printing import Json, short

Scope = Annotated[str, typer.Argument(help="global, namespace/NAME or team/NAME.")]


def freeze(
    *,
    scope: Scope = "global",
    lasts: Annotated[str, typer.Option("--for", help="How long, like 2h; else until thawed.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for whoever asks.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Only tell what is frozen.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Stop all responses, or a namespace's or a team's, before their next change."""
    server = Server(url, token)
    body: dict[str, Any] = {"reason": reason} | ({"for": lasts} if lasts else {})
    with printing.telling(as_json):
        told = server.call("GET", "freeze") if listed else server.call("PUT", "freeze", scope, body=body)
    if as_json:
        printing.document(told)
        return
    frozen = told["freezes"] if listed else {scope: told}
    for name, order in frozen.items():
        until = f"until {order['until']}" if order["until"] else "until it is thawed"
        why = f": {order['reason']}" if order["reason"] else ""
        printing.console().print(short(f"{name} is frozen {until}, by {order['by']}{why}"))
    if not frozen:
        printing.console().print("nothing is frozen")


def thaw(scope: Scope = "global", url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False) -> None:
    """Lift a freeze."""
    with printing.telling(as_json):
        told = Server(url, token).call("DELETE", "freeze", scope)
    if as_json:
        printing.document(told)
    else:
        printing.console().print(short(f"{scope} {'is thawed' if told['thawed'] else 'was not frozen'}"))
