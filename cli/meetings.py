"""The command on meetings: move one, or cancel it."""

from typing import Annotated, Any

import typer

from cli import printing
from cli.client import DEFAULT_URL, Server, Token, Url
from cli.printing import Json, short
from cli.responses import Id, Why


def meeting(
    response_id: Id,
    *,
    move: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="To when: 2026-03-03T10:00 on the team's clock, or with an offset."
        ),
    ] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Tell the invited that it is not held.")] = False,
    reason: Why = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Move or cancel the meeting to which a response has invited its team."""
    if bool(move) == cancel:
        raise typer.BadParameter("give one of --move WHEN and --cancel")
    body: dict[str, Any] = {"reason": reason} | ({"cancel": True} if cancel else {"at": move})
    with printing.telling(as_json):
        told = Server(url, token).call("POST", "responses", response_id, "meeting", body=body)
    if as_json:
        printing.document(told)
    else:
        printing.console().print(
            f"{told['word']}: {'said before' if told['repeated'] else 'taken'}, by {short(told['by'])}"
        )
