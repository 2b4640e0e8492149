"""Command serve: every function, the worker and, if asked for, the table, in one process."""

import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import printing
from cli.printing import Json, short
from shared.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from shared.bootstrap import Local
    from shared.ports import Records
    from shared.settings import Settings

log = logging.getLogger("backout.serve")

THREADS = 16
WORKERS = 8


def serve(
    *,
    config: Annotated[
        Path, typer.Option(envvar="BACKOUT_CONFIG", exists=True, dir_okay=False, help="The configuration.")
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="A table in memory: for trying out. Nothing is kept on disk.")
    ] = False,
    table: Annotated[str, typer.Option(envvar="BACKOUT_TABLE", help="The DynamoDB table.")] = "backout",
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Log JSON lines on a terminal too.")] = False,
    as_json: Json = False,
) -> None:
    """Serve every function in this process, and advance responses in it, until SIGTERM or SIGINT."""
    from shared import bootstrap
    from shared.bootstrap import logs
    from shared.settings import load

    logs.to_stderr(as_json=json_logs or not sys.stderr.isatty())
    _end_on_signals()
    with printing.telling(as_json):
        settings = load(config)
        with _records(table, embedded=embedded) as records, closing(_listening(host, port)) as listening:
            local = bootstrap.local(settings, records, threads=WORKERS)
            with closing(local):
                _serve(local, listening, settings, embedded=embedded, as_json=as_json)
    log.info("stopped")


def _serve(
    local: "Local", listening: socket.socket, settings: "Settings", *, embedded: bool, as_json: bool
) -> None:
    from waitress.server import create_server

    from functions import app, warming

    address, port = listening.getsockname()[:2]
    for warning in warming.warm(local.engine.outside):
        log.warning("not warmed: %s", warning)
    served = app.create(local.door, engine=local.engine, bound_to=address)
    server = create_server(served, sockets=[listening], **_limits())
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    _tell(url, settings, embedded=embedded, as_json=as_json)
    server.run()
    server.close()


def _limits() -> dict[str, Any]:
    """Return waitress's settings: a body far over the limit is refused before it is read."""
    from shared.intake.bodies import MAX_BYTES

    return {
        "threads": THREADS,
        "max_request_body_size": MAX_BYTES + 1024 * 1024,
        "channel_timeout": 60,
        "ident": "backout",
    }


@contextmanager
def _records(table: str, *, embedded: bool) -> "Iterator[Records]":
    """Give the table. Raises ConfigurationError when it is not there; one that does not answer may yet."""
    from shared.adapters.dynamodb import DynamoRecords, embedded_table, make_client

    if embedded:
        with embedded_table(table) as client:
            yield DynamoRecords(client, table)
        return
    records = DynamoRecords(make_client(), table)
    try:
        records.read(freezes=True)
    except TemporaryError as error:
        log.warning("%s", error)
    yield records


def _listening(host: str, port: int) -> socket.socket:
    """Return one socket bound to the address; waitress by itself would take a port for each of a name's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}: {error}") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise ConfigurationError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return made


def _end_on_signals() -> None:
    def end(number: int, frame: object) -> None:
        log.info("%s: stopping", signal.Signals(number).name)
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _tell(url: str, settings: "Settings", *, embedded: bool, as_json: bool) -> None:
    from functions.app import ENDPOINTS

    note = "The table is in memory: nothing is kept on disk, and all is forgotten at the end."
    if as_json:
        told = {"url": url, "endpoints": ENDPOINTS, "warnings": settings.warnings, "embedded": embedded}
        printing.document(told)
    else:
        console = printing.console()
        console.print(f"Backout listens on [bold]{url}[/], cluster {short(settings.cluster)}")
        width = max(map(len, ENDPOINTS))
        for path, what in ENDPOINTS.items():
            console.print(f"  {path:<{width}} {what}", markup=False)
        if embedded:
            console.print(note)
        for warning in settings.warnings:
            console.print(f"[yellow]warning[/] {short(warning)}")
    sys.stdout.flush()
