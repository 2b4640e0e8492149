"""Commands on responses: invoke, list, show, report, approve, abort, acknowledge, resume, complaints."""

import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import printing, telling, timeline
from cli.client import DEFAULT_URL, Server, Token, Unreachable, Url
from cli.printing import Failed, Json, short

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0

Id = Annotated[str, typer.Argument(metavar="ID", help="The response's id.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, for the history.")]


class Wanted(StrEnum):
    """What an order may want."""

    ASSESS = "assess"
    ROLLBACK = "rollback"
    SCALE = "scale"
    REVERT = "revert"
    FLUSH = "flush"


def invoke(
    *,
    action: Annotated[Wanted, typer.Option(help="What to do.", show_default=False)],
    service: Annotated[str, typer.Option(help="The service's name.")] = "",
    workload: Annotated[str, typer.Option(help="Or its workload: namespace/kind/name.")] = "",
    to_revision: Annotated[int | None, typer.Option(help="With rollback: to which revision.")] = None,
    replicas: Annotated[int | None, typer.Option(help="With scale: how many.")] = None,
    commit: Annotated[str, typer.Option(help="With revert: the commit, where nothing names it.")] = "",
    signal: Annotated[
        list[str] | None, typer.Option(help="A reading to start from, like error_rate=0.12; repeatable.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(help="A guardrail to override: recent_rollout, cooldown, storm, stale; repeatable."),
    ] = None,
    reason: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; 0 only if completed.")] = False,
    key: Annotated[str, typer.Option(help="An Idempotency-Key: the same one acts once.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Order an assessment, a rollback, more capacity, a revert in git or a flush of the cache."""
    if bool(service) == bool(workload):
        raise typer.BadParameter("give either --service or --workload")
    order: dict[str, Any] = {"action": action.value, "reason": reason, "dry_run": dry_run}
    order |= {"service": service} if service else {"workload": workload}
    order |= {"to_revision": to_revision} if to_revision is not None else {}
    order |= {"replicas": replicas} if replicas is not None else {}
    order |= {"commit": commit} if commit else {}
    order |= {"signals": dict(map(_signal, signal or [])), "override": override or []}
    server = Server(url, token)
    with printing.telling(as_json):
        told = server.call("POST", "invoke", body=order, headers={"Idempotency-Key": key} if key else None)
        if dry_run:
            _tell_rehearsal(told, as_json=as_json)
            return
        result = told["results"][0]
        if wait and result["response_id"] and result["outcome"] not in {"refused", "ignored"}:
            ended = _watched(server, result["response_id"], as_json=as_json)
            raise typer.Exit(0 if ended["phase"] == "completed" else 1)
        if as_json:
            printing.document(told)
        else:
            printing.console().print(
                f"{result['outcome']} {short(result['response_id'])} {short(result['detail'])}".rstrip()
            )
    if result["outcome"] in {"refused", "ignored"}:
        raise typer.Exit(1)


def _signal(text: str) -> tuple[str, float | bool]:
    name, _, value = text.partition("=")
    if value in {"true", "false"}:
        return name, value == "true"
    try:
        return name, float(value)
    except ValueError as error:
        raise typer.BadParameter(f"--signal {text}: write it like error_rate=0.12") from error


def _tell_rehearsal(told: dict[str, Any], *, as_json: bool) -> None:
    """Print what a dry run came to; a refusal is exit code 1."""
    if as_json:
        printing.document(told)
    else:
        console = printing.console()
        console.print(
            f"{short(told['service'])} {short(told['workload'])}: {told['outcome']} (nothing was done)"
        )
        lines = {
            "reason": told["detail"],
            "plan": " → ".join(told["plan"]),
            "asks": ", ".join(telling.reason_text(code) for code in told["asks"]),
            "offers": " or ".join(told.get("offers", ())),
            "remedy": told.get("remedy"),
            "joins": told["joins"],
            "readings": telling.readings(told["facts"]),
            "owner": told["facts"].get("owner"),
            "note": told["facts"].get("owner_note"),
        }
        choice = told["choice"]
        if choice:
            lines["from"] = f"revision {choice['from_number']} ({choice['from_image']})"
            lines["to"] = f"revision {choice['to_number']} ({choice['to_image']}), {choice['why']}"
        for name, line in lines.items():
            if line:
                console.print(f"  {name:<9}{short(line)}")
    if told["outcome"] in {"refused", "failed"}:
        raise typer.Exit(1)


def list_(
    day: Annotated[str, typer.Option(help="The day (UTC), YYYY-MM-DD; by default today.")] = "",
    service: Annotated[str, typer.Option(help="Only of this service.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """List the responses of a day, the newest first."""
    asked = {name: value for name, value in (("day", day), ("service", service)) if value}
    with printing.telling(as_json):
        told = Server(url, token).call("GET", "responses", params=asked)
    if as_json:
        printing.document(told)
        return
    console = printing.console()
    if not told["responses"]:
        console.print(f"no responses on {told['day']}")
        return
    table = printing.table("id", "service", "phase", "severity", "from", "to", "reason")
    for row in told["responses"]:
        names = ("id", "service", "phase", "severity", "from_image", "to_image", "reason_text")
        table.add_row(*(short(row[name]) for name in names))
    console.print(table)


def show(
    response_id: Id,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until it has ended.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Show a response with its history."""
    server = Server(url, token)
    with printing.telling(as_json):
        if watch:
            _watched(server, response_id, as_json=as_json)
            return
        response = server.call("GET", "responses", response_id)
        if as_json:
            printing.document(response)
        else:
            _tell(response)
            timeline.print_tail(printing.console(), response)


def report(
    response_id: Id,
    output: Annotated[Path | None, typer.Option(help="Write it to a file.", show_default=False)] = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Tell a response as an incident report, in Markdown."""
    with printing.telling(as_json):
        told = Server(url, token).text("responses", response_id, "report")
        if output is not None:
            _write(output, told)
    if as_json:
        printing.document({"report": told})
    elif output is None:
        print(told, end="")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed({"detail": f"{path} cannot be written: {error.strerror}."}) from error


def _tell(response: dict[str, Any], *, seen: int = 0) -> int:
    """Print the events after `seen`, and the head before the first; return the last one's number."""
    console = printing.console()
    if seen == 0:
        timeline.print_head(console, response)
    fresh = [event for event in map(telling.event_of, response["events"]) if event.number > seen]
    timeline.print_events(console, fresh, started_at=datetime.fromisoformat(response["started_at"]))
    return fresh[-1].number if fresh else seen


def _watched(server: Server, response_id: str, *, as_json: bool) -> dict[str, Any]:
    """Return the response once it has ended, its events printed as they come."""
    seen = 0
    while True:
        response = _patiently(lambda: server.call("GET", "responses", response_id))
        if not as_json:
            seen = _tell(response, seen=seen)
        if response["ended_at"]:
            break
        time.sleep(LOOK_SECONDS)
    if as_json:
        printing.document(response)
    else:
        timeline.print_tail(printing.console(), response)
    return response


def _patiently(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make a call again while the server is away, for a minute."""
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except Unreachable:
            if time.monotonic() >= gives_up_at:
                raise
        time.sleep(LOOK_SECONDS)


def approve(
    response_id: Id,
    *,
    reason: Why = "",
    choice: Annotated[str, typer.Option(help="Which remedy, where several are offered.")] = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say yes to what a response asks."""
    _say(Server(url, token), response_id, "approve", reason, choice=choice, as_json=as_json)


def abort(
    response_id: Id, reason: Why = "", url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False
) -> None:
    """Say no: a response stops before its next change."""
    _say(Server(url, token), response_id, "abort", reason, as_json=as_json)


def acknowledge(
    response_id: Id, reason: Why = "", url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False
) -> None:
    """Say that you are on it: nobody else is called. Counts after a response has ended, too."""
    _say(Server(url, token), response_id, "acknowledge", reason, as_json=as_json)


def resume(
    response_id: Id, reason: Why = "", url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False
) -> None:
    """Start an owner again (Argo CD, Flux) that a response stopped for its rollback."""
    _say(Server(url, token), response_id, "resume", reason, as_json=as_json)


def restore_flags(
    response_id: Id, reason: Why = "", url: Url = DEFAULT_URL, token: Token = "", as_json: Json = False
) -> None:
    """Put the feature flags back on that a response switched off."""
    _say(Server(url, token), response_id, "restore-flags", reason, as_json=as_json)


class Heard(StrEnum):
    """What a person may say of customers."""

    NONE = "none"
    SOME = "some"


def complaints(
    response_id: Id,
    heard: Annotated[Heard, typer.Argument(help="Whether customers complain.", show_default=False)],
    *,
    reason: Why = "",
    url: Url = DEFAULT_URL,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say whether customers complain, once a response has ended; of several words the newest counts."""
    verb = "no-complaints" if heard is Heard.NONE else "complaints"
    _say(Server(url, token), response_id, verb, reason, as_json=as_json)


def _say(
    server: Server, response_id: str, verb: str, reason: str, *, as_json: bool, choice: str = ""
) -> None:
    body = {"reason": reason} | ({"choice": choice} if choice else {})
    with printing.telling(as_json):
        told = server.call("POST", "responses", response_id, verb, body=body)
    if as_json:
        printing.document(told)
    else:
        printing.console().print(
            f"{verb}: {'said before' if told['repeated'] else 'taken'}, by {short(told['by'])}"
        )
