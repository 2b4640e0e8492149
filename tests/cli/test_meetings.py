"""`backout meeting` sends a person's word on, and `backout show` says where a meeting stands."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import timeline
from cli.main import app
from tests.fakes.http_server import Answer, Request, serving


def run(*arguments: str) -> tuple[Result, list[Request]]:
    body = {"response_id": "r1", "word": "move-meeting", "by": "alice", "repeated": False}
    with serving(lambda _: Answer(202, json.dumps(body).encode())) as server:
        result = CliRunner().invoke(app, ["meeting", "r1", *arguments, "--url", server.url, "--token", "t"])
        return result, server.requests


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["--move", "2026-03-04T10:00", "--reason", "Ann is away"], {"at": "2026-03-04T10:00"}),
        (["--cancel", "--reason", "Ann is away"], {"cancel": True}),
    ],
)
def test_a_word_on_a_meeting_is_sent_on(arguments: list[str], body: dict[str, object]) -> None:
    result, [request] = run(*arguments)

    assert result.exit_code == 0, result.output
    assert "taken, by alice" in result.output
    assert (request.method, request.path) == ("POST", "/responses/r1/meeting")
    assert json.loads(request.body) == body | {"reason": "Ann is away"}


@pytest.mark.parametrize("arguments", [[], ["--move", "2026-03-04T10:00", "--cancel"]])
def test_one_word_is_needed(arguments: list[str]) -> None:
    result, requests = run(*arguments)

    assert result.exit_code == 2
    assert requests == []


def test_where_a_meeting_stands_is_shown_on_the_teams_clock() -> None:
    written = io.StringIO()
    meeting = {"standing": "invited", "at": "2026-03-03T09:00:00Z", "zone": "Europe/Berlin", "detail": ""}
    response = {"id": "r1", "phase": "completed", "reason_text": "It held.", "tasks": [], "meeting": meeting}

    timeline.print_tail(Console(file=written, width=100), response)

    assert "meeting: the team is invited: Tue 3 Mar 2026, 10:00 CET" in written.getvalue()
