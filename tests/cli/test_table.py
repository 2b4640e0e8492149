import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from cli.main import app
from tests.cli.serving import refused


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
    finally:
        server.stop()


def run(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_the_table_is_made_once(environment: dict[str, str]) -> None:
    first = run(environment, "table", "create", "--table", "mine", "--json")
    second = run(environment, "table", "create", "--table", "mine", "--json")

    assert json.loads(first.stdout) == {"table": "mine", "created": True}
    assert json.loads(second.stdout) == {"table": "mine", "created": False}
    assert "was there" in run(environment, "table", "create", "--table", "mine").stdout


def test_a_server_does_not_start_without_its_table(environment: dict[str, str], tmp_path: Path) -> None:
    said = refused(tmp_path, "cluster: laptop", "--table", "none", "--port", "0", env=environment)

    assert "backout table create" in said
