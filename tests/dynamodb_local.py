"""Run DynamoDB Local for the tests that show what happens between concurrent writers.

moto takes one call at a time, so it cannot show a lost race; DynamoDB Local can. `make dynamodb-local`
fetches it. It wants Java 17 or newer on x86-64 (the sqlite library that it brings has no build for Linux
on ARM), about 200 MiB of memory, and two to three seconds to start.

It checks conditions and transactions as DynamoDB does. It does not expire items by their TTL, does not know
point-in-time recovery (`UpdateContinuousBackups` is an unknown operation), and never throttles.
"""

import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".cache" / "dynamodb-local"
SERVER = ROOT / "infra" / "dynamodb-local" / "server.xml"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
ATTEMPTS = 3


class DynamoDBLocalMissing(Exception):
    """This machine has not all that it takes; the text says what, and how to get it."""


class DynamoDBLocalFailed(Exception):
    """All is there, yet it did not start; the text is what the process said."""


@dataclass(frozen=True)
class DynamoDBLocal:
    """One running server: where it answers, and the process that is it."""

    endpoint_url: str
    pid: int

    def environment(self) -> dict[str, str]:
        """Return the variables under which boto3 talks to this server and to nothing else."""
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }

    def client(self, *, connections: int = 10, attempts: int = 1) -> "DynamoDBClient":
        """Build a client that keeps `connections` open and tries each call `attempts` times in all."""
        return boto3.session.Session().client(
            "dynamodb",
            endpoint_url=self.endpoint_url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(
                max_pool_connections=connections,
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": attempts},
            ),
        )


@contextmanager
def dynamodb_local() -> Iterator[DynamoDBLocal]:
    """Start a server of its own, empty and in memory, and stop it at the end.

    Raises `DynamoDBLocalMissing` where it cannot be run, `DynamoDBLocalFailed` where it did not start.
    """
    java = _java()
    with tempfile.TemporaryDirectory(prefix="dynamodb-local-") as folder:
        server, process = _start(java, Path(folder))
        try:
            yield server
        finally:
            _stop(process)


@pytest.fixture(scope="session")
def dynamodb_server() -> Iterator[DynamoDBLocal]:
    """Give every test of one worker the same server: tests keep apart by the names of their tables."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(dynamodb_local())
        except DynamoDBLocalMissing as missing:
            pytest.skip(str(missing))
        yield server


def _java() -> str:
    """Find Java, and make sure of everything else that has to be there before it is worth starting."""
    if platform.system() == "Linux" and platform.machine() != "x86_64":
        raise DynamoDBLocalMissing(
            f"DynamoDB Local brings no sqlite library for Linux on {platform.machine()}"
        )
    java = shutil.which("java")
    if java is None:
        raise DynamoDBLocalMissing(
            "no java on the path: install a Java 17 runtime (Debian: default-jre-headless)"
        )
    if not any(JARS.glob("DynamoDBLocal-*.jar")):
        raise DynamoDBLocalMissing(
            f"no DynamoDB Local in {JARS.relative_to(ROOT)}: run `make dynamodb-local`"
        )
    return java


def _start(java: str, folder: Path) -> tuple[DynamoDBLocal, subprocess.Popen[bytes]]:
    """Start it on a free port, again on another where somebody took the port in between."""
    log = folder / "log"
    for _ in range(ATTEMPTS):
        port = _free_port()
        with log.open("wb") as out:
            process = subprocess.Popen(
                _command(java, port), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        server = DynamoDBLocal(endpoint_url=f"http://127.0.0.1:{port}", pid=process.pid)
        if _answers(server, process):
            return server, process
        _stop(process)
    raise DynamoDBLocalFailed(f"DynamoDB Local did not start: {log.read_text(errors='replace')[-2000:]}")


def _command(java: str, port: int) -> list[str]:
    return [
        java,
        "-Xmx256m",
        "-XX:+UseSerialGC",  # less memory and fewer threads than the default collector
        "-XX:TieredStopAtLevel=1",  # starts sooner; a test never runs long enough for the second compiler
        f"-Djava.library.path={JARS}",
        "-cp",
        f"{JARS}{os.sep}*",
        "org.eclipse.jetty.xml.XmlConfiguration",
        f"port={port}",
        str(SERVER),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: DynamoDBLocal, process: subprocess.Popen[bytes]) -> bool:
    """Poll until the server lists its tables; false once its process has ended or time is up."""
    client = server.client()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        try:
            client.list_tables()
        except (BotoCoreError, ClientError):
            _wait_a_moment(process)
        else:
            return True
    return False


def _wait_a_moment(process: subprocess.Popen[bytes]) -> None:
    """Pause before the next poll, but no longer than the process lives."""
    try:
        process.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
