"""The program `backout`. Commands import what is heavy when they run."""

from importlib import metadata
from typing import Annotated

import typer

from cli import (
    configuring,
    doctoring,
    freezes,
    gates,
    meetings,
    printing,
    responses,
    ruling,
    scoring,
    serving,
)
from cli.printing import Json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Roll a bad Kubernetes deploy back when the alert fires: exactly once, with proof.",
)
app.command()(serving.serve)
app.command()(scoring.score)
app.command()(scoring.replay)
app.command()(ruling.rules)
app.command()(responses.invoke)
app.command("list")(responses.list_)
app.command()(responses.show)
app.command()(responses.report)
app.command()(responses.approve)
app.command()(responses.abort)
app.command()(responses.acknowledge)
app.command()(responses.resume)
app.command()(responses.restore_flags)
app.command()(meetings.meeting)
app.command()(responses.complaints)
app.command()(freezes.freeze)
app.command()(freezes.thaw)
app.command()(gates.gate)
app.command()(gates.ungate)
app.command()(doctoring.doctor)
app.add_typer(configuring.config, name="config")
app.add_typer(configuring.table, name="table")


@app.command()
def demo(
    *,
    people: Annotated[
        bool, typer.Option("--people", help="With people in it: Slack asks, PagerDuty and others hear.")
    ] = False,
    gitops: Annotated[
        bool, typer.Option("--gitops", help="With Argo CD in it, which would undo a plain rollback.")
    ] = False,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="With a StatefulSet whose rollback waits for a broken pod.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Break a made-up shop on this machine and watch it being rolled back."""
    from cli.demo import run

    if people + gitops + stuck > 1:
        raise typer.BadParameter("give one of --people, --gitops and --stuck")
    with printing.telling(as_json):
        code = run(as_json=as_json, people=people, by_git=gitops, stuck=stuck)
    raise typer.Exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"backout {metadata.version('backout')}")
        raise typer.Exit


@app.callback()
def backout(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take options that go before the command."""
