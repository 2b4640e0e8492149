import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.cli.serving import BAD, GOOD, Served, client_environment, end, refused, served, until

ROOT = Path(__file__).resolve().parents[2]
SEVERAL = (ROOT / "tests" / "events" / "alertmanager-0.34-several-services.json").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve")) as running:
        yield running


def run(server: Served, *arguments: str, token: str = "token") -> Result:
    return CliRunner().invoke(app, list(arguments), env=client_environment(server.url, token))


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_says_where_it_listens_and_what_there_is(server: Served) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert server.told["embedded"] is True
    assert "/alertmanager" in server.told["endpoints"]
    assert any("nothing is measured" in warning for warning in server.told["warnings"])
    assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}


def test_alerts_are_accepted_listed_and_shown(server: Served) -> None:
    answer = httpx.post(f"{server.url}/alertmanager", content=SEVERAL, headers={"Authorization": "Bearer am"})
    outcomes = {r["service"]: r["outcome"] for r in answer.json()["results"]}
    assert outcomes == {"checkout": "created", "payments": "refused", "search": "created"}

    listed = told(run(server, "list", "--service", "search", "--json"))["responses"]
    shown = run(server, "show", listed[0]["id"], "--watch")

    assert shown.exit_code == 0, shown.output
    assert "accepted from alertmanager" in shown.stdout
    assert "The cluster has no such workload" in shown.stdout
    assert "search" in run(server, "list").stdout


def test_a_response_is_reported_on_the_screen_in_a_file_and_as_json(server: Served, tmp_path: Path) -> None:
    httpx.post(f"{server.url}/alertmanager", content=SEVERAL, headers={"Authorization": "Bearer am"})
    row = told(run(server, "list", "--service", "payments", "--json"))["responses"][0]

    shown = run(server, "report", row["id"])
    run(server, "report", row["id"], "--output", str(tmp_path / "incident.md"))

    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("# payments: not rolled back, refused")
    assert (tmp_path / "incident.md").read_text() == shown.stdout
    assert told(run(server, "report", row["id"], "--json")) == {"report": shown.stdout}


def test_a_report_that_cannot_be_had_or_written_says_why(server: Served, tmp_path: Path) -> None:
    row = told(run(server, "list", "--service", "payments", "--json"))["responses"][0]

    for arguments in (["none"], [row["id"], "--output", str(tmp_path)]):
        result = run(server, "report", *arguments)
        assert result.exit_code == 1
        assert "There is no response none" in result.output or "cannot be written" in result.output


def test_an_alert_that_cannot_be_measured_asks_and_a_no_ends_it(server: Served) -> None:
    httpx.post(f"{server.url}/alertmanager", content=SEVERAL, headers={"Authorization": "Bearer am"})
    [row] = told(run(server, "list", "--service", "checkout", "--json"))["responses"][:1]
    until(lambda: told(run(server, "show", row["id"], "--json"))["phase"] == "approve")

    assert f"backout approve {row['id']}" in run(server, "show", row["id"]).stdout
    assert run(server, "abort", row["id"], "--reason", "it is the database").exit_code == 0
    ended = told(run(server, "show", row["id"], "--watch", "--json"))
    assert (ended["phase"], ended["detail"]) == ("aborted", "alice: it is the database")

    assert run(server, "approve", row["id"]).exit_code == 1
    heard = run(server, "complaints", row["id"], "none", "--reason", "asked support")
    assert (heard.exit_code, heard.stdout) == (0, "no-complaints: taken, by alice\n")


def test_a_dry_run_tells_and_does_nothing(server: Served) -> None:
    result = run(server, "invoke", "--service", "checkout", "--action", "rollback", "--dry-run")

    assert result.exit_code == 0, result.output
    assert GOOD in result.stdout
    assert "nothing was done" in result.stdout
    assert server.images() == {BAD}


def test_an_order_to_scale_is_waited_for(server: Served) -> None:
    result = run(
        server, "invoke", "--service", "checkout", "--action", "scale", "--replicas", "3", "--wait", "--json"
    )

    assert result.exit_code == 0, result.output
    assert told(result)["reason"] == "scaled"
    assert len(server.cluster.running_images("production", "deployment", "checkout")) == 3


def test_an_order_to_roll_back_is_carried_out_and_what_cannot_be_proved_is_no_success(server: Served) -> None:
    result = run(
        server, "invoke", "--workload", "production/deployment/checkout", "--action", "rollback", "--wait"
    )

    assert result.exit_code == 1, result.output
    assert "rolled back to revision" in result.stdout
    assert "inconclusive" in result.stdout
    assert server.images() == {GOOD}
    assert "checkout" in run(server, "gate", "--list").stdout
    assert run(server, "gate", "checkout").exit_code == 1


def test_a_freeze_is_set_told_and_lifted(server: Served) -> None:
    assert run(server, "freeze", "team/search", "--for", "2h", "--reason", "launch").exit_code == 0
    assert "launch" in run(server, "freeze", "--list").stdout
    assert told(run(server, "thaw", "team/search", "--json")) == {"scope": "team/search", "thawed": True}
    assert "nothing is frozen" in run(server, "freeze", "--list").stdout


def test_gates_are_asked_for_one_by_one_or_listed(server: Served) -> None:
    assert run(server, "gate", "payments").stdout.strip() == "payments: open"
    assert run(server, "ungate", "checkout").exit_code == 0
    assert "Every gate is open" in run(server, "gate", "--list").stdout
    for arguments in ([], ["checkout", "--list"]):
        result = run(server, "gate", *arguments)
        assert (result.exit_code, "or give --list" in result.stderr) == (2, True)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_problem_is_told_with_exit_code_1(server: Served, as_json: bool) -> None:
    result = run(server, "show", "none", *(["--json"] if as_json else []))

    assert result.exit_code == 1
    if as_json:
        assert told(result)["status"] == 404
    else:
        assert "no response none" in result.stderr


def test_a_wrong_token_says_what_to_set(server: Served) -> None:
    result = run(server, "list", token="wrong")

    assert result.exit_code == 1
    assert "BACKOUT_TOKEN" in result.stderr


def test_a_server_that_is_not_there_says_what_to_set() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(app, ["list"], env=client_environment(url))

    assert result.exit_code == 1
    assert "BACKOUT_URL" in result.stderr


def test_sigterm_ends_it_cleanly_and_its_log_is_json(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        httpx.post(f"{running.url}/alertmanager", content=b"{}", headers={"Authorization": "Bearer am"})

        assert end(running.process) == 0
        lines = [json.loads(line) for line in running.log.read_text().splitlines()]

    assert [line["message"] for line in lines][-2:] == ["SIGTERM: stopping", "stopped"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/healthz")


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        assert f"port {port}" in refused(tmp_path, "cluster: laptop", "--embedded", "--port", port)


def test_it_does_not_start_on_an_invalid_configuration(tmp_path: Path) -> None:
    assert "did you mean services" in refused(tmp_path, "cluster: laptop\nservises: []", "--embedded")
