"""One cold start, in a fresh process: `python -m benchmarks.cold_start NAME` prints seconds and MiB.

The clock starts with the first import. A function has started when it has turned away a request without a
credential: its app and its door are made by then, and nothing outside has been called.
"""

import sys
import time

BASELINE = "flask, boto3 and a client"


def _baseline() -> None:
    import boto3
    import flask  # noqa: F401 its import is what is measured

    boto3.client("dynamodb")


def _function(name: str) -> None:
    from importlib import import_module

    function = import_module(f"functions.{name}")
    method = "POST" if name in ("alertmanager", "invoke") else "GET"
    answer = function.handler(_event(method, f"/{name}"), None)
    if answer["statusCode"] != 401:
        raise SystemExit(f"{name} answered {answer}")


def _event(method: str, path: str) -> dict[str, object]:
    """Return a request without a credential, as API Gateway passes it on (payload 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "backout.example", "x-forwarded-port": "443", "x-forwarded-proto": "https"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
        },
        "isBase64Encoded": False,
    }


def _advance() -> None:
    """Make the engine and load the heavy clients, as the function does before its first message."""
    from functions import advance, warming  # noqa: F401 as AWS imports the function
    from shared import bootstrap

    list(warming.warm(bootstrap.deployed_engine().outside))


def resident_mib() -> float:
    """Return how much memory this process has resident, in MiB (Linux)."""
    from pathlib import Path

    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kib) / 1024


def main(name: str) -> None:
    """Start what the name says, and print what it took."""
    began = time.perf_counter()
    if name == BASELINE:
        _baseline()
    elif name == "advance":
        _advance()
    else:
        _function(name)
    print(time.perf_counter() - began, resident_mib())


if __name__ == "__main__":
    main(sys.argv[1])
