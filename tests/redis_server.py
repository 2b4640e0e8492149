"""Run a real redis-server for the tests of what Redis does: one each, empty, on 127.0.0.1."""

import datetime as dt
import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

START_SECONDS = 30.0
STOP_SECONDS = 10.0
ATTEMPTS = 3


@dataclass(frozen=True)
class RedisServer:
    """Where it answers, its process, and how a test talks to it besides the code under test."""

    port: int
    process: "subprocess.Popen[bytes]"
    password: str = ""
    ca: str = ""

    @property
    def url(self) -> str:
        return f"{'rediss' if self.ca else 'redis'}://127.0.0.1:{self.port}"

    def client(self, database: int = 0) -> redis.Redis:
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            db=database,
            password=self.password or None,
            ssl=bool(self.ca),
            ssl_ca_certs=self.ca or None,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server(
    folder: Path, *options: str, password: str = "", certificate: str = ""
) -> Iterator[RedisServer]:
    """Start a server with these options, wait until it answers, and end it with the block.

    `certificate` is the path of a key and certificate in one file: the server then speaks TLS only. Skips
    the test where there is no redis-server.
    """
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on the path (Debian: redis-server)")
    for _ in range(ATTEMPTS):
        port = _free_port()
        listening = ["--port", str(port)]
        if certificate:
            listening = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
            for option in ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"):
                listening += [option, certificate]
        secret = ["--requirepass", password] if password else []
        process = subprocess.Popen(
            [
                program,
                *options,
                "--bind",
                "127.0.0.1",
                "--dir",
                str(folder),
                "--save",
                "",
                *listening,
                *secret,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        server = RedisServer(port, process, password, certificate)
        try:
            if _answers(server):
                yield server
                return
        finally:
            _stop(process)
    pytest.fail("redis-server did not start")


def self_signed(folder: Path) -> str:
    """Write a key and a certificate for 127.0.0.1 that is signed by itself, and return their path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cache")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cache.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    return str(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: RedisServer) -> bool:
    """Poll until it answers; false once its process has ended or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with server.client() as client:
                client.ping()
        except redis.ConnectionError:
            _wait_a_moment(server.process)
        else:
            return True
    return False


def _wait_a_moment(process: "subprocess.Popen[bytes]") -> None:
    """Pause before the next poll, but no longer than the process lives."""
    try:
        process.wait(timeout=0.05)
    except subprocess.TimeoutExpired:
        return


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
