"""Commands config check and table create."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import printing
from cli.printing import Json, plural, short
from shared.errors import BackoutError, ConfigurationError

if TYPE_CHECKING:
    from shared.settings import Settings

config = typer.Typer(no_args_is_help=True, help="The configuration.")
table = typer.Typer(no_args_is_help=True, help="The DynamoDB table.")


@config.command("check")
def check(
    file: Annotated[
        Path,
        typer.Argument(
            help="The configuration.",
            envvar="BACKOUT_CONFIG",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Tell whether a configuration is valid, what it says of each service, and which secrets are missing."""
    from shared.settings import load

    try:
        settings = load(file)
    except ConfigurationError as error:
        if as_json:
            problems = [line.removeprefix("- ") for line in str(error).splitlines()]
            printing.document({"valid": False, "problems": problems})
            raise typer.Exit(1) from error
        with printing.telling(as_json):
            raise
    missing = list(_missing(settings))
    if as_json:
        printing.document(
            {
                "valid": True,
                "cluster": settings.cluster,
                "services": [
                    {
                        "name": s.name,
                        "workload": str(s.workload),
                        "mode": s.mode,
                        "team": s.team or None,
                    }
                    for s in settings.services
                ],
                "warnings": list(settings.warnings),
                "missing_secrets": missing,
            }
        )
        return
    _tell(settings, missing)


def _tell(settings: "Settings", missing: list[str]) -> None:
    console = printing.console()
    console.print(f"valid; cluster {short(settings.cluster)}, {plural(len(settings.services), 'service')}")
    listed = printing.table("service", "workload", "mode", "team")
    for service in settings.services:
        listed.add_row(short(service.name), short(service.workload), service.mode.value, short(service.team))
    if settings.services:
        console.print(listed)
    for warning in settings.warnings:
        console.print(f"[yellow]warning[/] {short(warning)}")
    for text in missing:
        console.print(f"[yellow]missing[/] {short(text)}")


def _missing(settings: "Settings") -> Iterator[str]:
    """Yield what is wrong with each secret that cannot be looked up from here."""
    from functions.doctor import references
    from shared.adapters.secret_stores import aws_stores
    from shared.settings import Secrets

    secrets = Secrets(aws_stores())
    for ref in dict.fromkeys(references(settings)):
        try:
            secrets.value(ref)
        except BackoutError as error:
            yield str(error)


@table.command("create")
def create(
    name: Annotated[
        str, typer.Option("--table", envvar="BACKOUT_TABLE", help="The table's name.")
    ] = "backout",
    as_json: Json = False,
) -> None:
    """Make the table, or check the one that is there. boto3's own variables say where."""
    from shared.adapters.dynamodb import create_table, make_client

    with printing.telling(as_json):
        created = create_table(make_client(), name)
    if as_json:
        printing.document({"table": name, "created": created})
    else:
        printing.console().print(
            f"table {short(name)} {'is made' if created else 'was there, and is as it should be'}"
        )
