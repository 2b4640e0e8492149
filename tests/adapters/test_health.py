import datetime as dt
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.adapters.health import HttpHealth
from shared.ports import HealthCheck
from tests.fakes.http_server import Answer, Request, Server, serving

ANSWERS = {
    "/ok": Answer(200, b'{"status": "DOWN?"}'),
    "/no-content": Answer(204),
    "/moved": Answer(301, headers={"Location": "/ok"}),
    "/moved-to-broken": Answer(307, headers={"Location": "/broken"}),
    "/round": Answer(302, headers={"Location": "/round"}),
    "/broken": Answer(503, b"starting"),
    "/hangs": Answer(hangs=True),
    "/drops": Answer(drops=True),
    "/endless": Answer(200, b"x" * 100_000, drips=True),
}


def answers(request: Request) -> Answer:
    return ANSWERS.get(request.path, Answer(404))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(answers) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "ok", "detail"),
    [
        ("/ok", True, "200 OK"),
        ("/no-content", True, "204 No Content"),
        ("/endless", True, "200 OK"),
        ("/moved", True, "200 OK"),
        ("/moved-to-broken", False, "503 Service Unavailable"),
        ("/round", False, "redirected more than 5 times"),
        ("/broken", False, "503 Service Unavailable"),
        ("/nowhere", False, "404 Not Found"),
        ("/drops", False, "the connection broke off"),
        ("/hangs", False, "no answer in 0.5 s"),
    ],
)
def test_only_a_2xx_is_ok(server: Server, path: str, *, ok: bool, detail: str) -> None:
    url = server.url + path

    assert HttpHealth(timeout_seconds=0.5).check([url]) == [HealthCheck(url, ok, detail)]


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://127.0.0.1:9/health", "connection refused"),
        ("http://shop.invalid/health", "the host name is not known"),
        ("shop/health", "not an http or https address"),
        ("", "not an http or https address"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_not_ok(url: str, detail: str) -> None:
    assert HttpHealth().check([url]) == [HealthCheck(url, ok=False, detail=detail)]


def test_a_certificate_that_nobody_vouches_for_is_not_ok(tmp_path: Path) -> None:
    with serving(answers) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        [check] = HttpHealth().check([server.url.replace("http:", "https:") + "/ok"])

    assert not check.ok
    assert check.detail == "TLS: self-signed certificate"


def test_https_to_a_plain_server_is_not_ok(server: Server) -> None:
    [check] = HttpHealth().check([server.url.replace("http:", "https:") + "/ok"])

    assert not check.ok
    assert check.detail.startswith("TLS: ")


def test_endpoints_are_asked_side_by_side_and_answered_in_order() -> None:
    together = Barrier(3)

    def meet(request: Request) -> Answer:
        together.wait(10)
        return Answer(500 if request.path == "/b" else 200)

    with serving(meet) as server:
        urls = [f"{server.url}/{name}" for name in "abc"]
        checks = HttpHealth().check(urls)

    assert [check.url for check in checks] == urls
    assert [check.ok for check in checks] == [True, False, True]


def test_many_slow_endpoints_end_together(server: Server) -> None:
    started = time.monotonic()

    checks = HttpHealth(timeout_seconds=0.3).check([f"{server.url}/hangs"] * 40)

    assert time.monotonic() - started < 2.0
    assert len(checks) == 40
    assert {check.detail for check in checks} == {"no answer in 0.3 s", "no answer in 0.9 s"}


def test_no_endpoints_give_no_checks() -> None:
    assert list(HttpHealth().check([])) == []


def self_signed(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "shop.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    return path
