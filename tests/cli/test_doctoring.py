import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.cli.serving import client_environment
from tests.fakes.http_server import Answer, serving

WELL = {"name": "table", "state": "ok", "detail": "it answers", "mend": ""}
OFF = {"name": "slack", "state": "off", "detail": "not configured", "mend": ""}
ILL = {"name": "GitHub", "state": "broken", "detail": "answered 401", "mend": "Make a new [token]."}


def doctor(findings: list[dict[str, str]], *arguments: str) -> Result:
    told: dict[str, Any] = {"findings": findings, "ok": ILL not in findings}
    with serving(lambda _: Answer(200, json.dumps(told).encode())) as server:
        result = CliRunner().invoke(app, ["doctor", *arguments], env=client_environment(server.url))
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/doctor")
    assert request.headers["authorization"] == "Bearer token"
    return result


def test_when_all_is_well_it_says_so_and_ends_with_0() -> None:
    result = doctor([WELL, OFF])

    assert result.exit_code == 0, result.output
    assert "everything that is configured works" in result.stdout
    assert "it answers" in result.stdout


def test_what_does_not_work_is_told_with_how_to_mend_it_and_exit_code_1() -> None:
    result = doctor([WELL, ILL])

    assert result.exit_code == 1, result.output
    assert "Make a new [token]." in result.stdout
    assert "1 to mend" in result.stdout


@pytest.mark.parametrize(("findings", "code"), [([WELL], 0), ([ILL], 1)])
def test_as_json_it_prints_what_the_server_said(findings: list[dict[str, str]], code: int) -> None:
    result = doctor(findings, "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["findings"] == findings
