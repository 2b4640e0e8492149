"""Prometheus and Alertmanager for the sandbox: the real programs where they are installed, else stand-ins."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from sandbox.alertmanager import Alertmanager
from sandbox.alertmanager.routing import Route
from sandbox.prometheus import Prometheus
from sandbox.prometheus.durations import parse_duration_ms
from sandbox.prometheus.scraping import JOB
from sandbox.serving import LOOPBACK

PROMETHEUS_PROGRAMS = ("prometheus",)
ALERTMANAGER_PROGRAMS = ("prometheus-alertmanager", "alertmanager")

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.05
_TERMINATE_SECONDS = 5.0
_PORT_ATTEMPTS = 3


class ServerFailed(RuntimeError):
    """A program ended or did not become ready; the message carries the end of its log."""


@dataclass(frozen=True)
class Monitoring:
    """Where the running pair answers. `alert_source` is "alertmanager" when both are the real programs."""

    prometheus_url: str
    alertmanager_url: str
    alert_source: str


@dataclass(frozen=True)
class Watch:
    """What a Prometheus is to do: scrape and evaluate every `scrape_interval`, and tell an Alertmanager."""

    targets: Sequence[str]
    rules: str
    alertmanager_url: str
    scrape_interval: str


@contextmanager
def monitoring(
    *,
    targets: Sequence[str],
    rules: str,
    webhook_url: str,
    token: str | None = None,
    scrape_interval: str = "1s",
    group_by: Sequence[str] = ("alertname", "namespace", "deployment"),
    group_interval: str = "5s",
    prefer_real: bool = True,
) -> Iterator[Monitoring]:
    """Watch `targets` with `rules` and post alerts to `webhook_url`, with `token` as a bearer credential.

    `targets` are base URLs whose `/metrics` is scraped, `rules` the text of a rules file. Alerts are posted
    as soon as they fire. On entry both servers are ready and every target has been scraped once (the real
    Prometheus takes five seconds to begin); on exit both are gone. Raises `ServerFailed`, or `RulesError`
    for rules that the stand-in cannot follow.
    """
    programs = (
        [_installed(ALERTMANAGER_PROGRAMS), _installed(PROMETHEUS_PROGRAMS)] if prefer_real else [None, None]
    )
    route = Route(
        webhook_url=webhook_url,
        token=token,
        group_by=tuple(group_by),
        group_interval_seconds=parse_duration_ms(group_interval) / 1000,
    )
    with ExitStack() as running:
        alertmanager_url = running.enter_context(
            real_alertmanager(programs[0], route) if programs[0] else _url_of(Alertmanager(route))
        )
        watch = Watch(tuple(targets), rules, alertmanager_url, scrape_interval)
        prometheus_url = running.enter_context(
            real_prometheus(programs[1], watch) if programs[1] else _url_of(_stand_in(watch))
        )
        _wait_until(lambda: _scraped(prometheus_url) >= len(targets), what="the first scrapes")
        yield Monitoring(prometheus_url, alertmanager_url, "alertmanager" if all(programs) else "sandbox")


def _stand_in(watch: Watch) -> Prometheus:
    interval_seconds = parse_duration_ms(watch.scrape_interval) / 1000
    return Prometheus(
        targets=watch.targets,
        rules=watch.rules,
        alertmanager_urls=[watch.alertmanager_url],
        scrape_interval_seconds=interval_seconds,
        evaluation_interval_seconds=interval_seconds,
    )


@contextmanager
def real_prometheus(program: str, watch: Watch) -> Iterator[str]:
    """Run the real Prometheus on a free port of 127.0.0.1 and give its URL; all it stores is thrown away."""
    every = watch.scrape_interval
    configuration = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [_static([watch.alertmanager_url])]},
        "scrape_configs": [{"job_name": JOB, "honor_labels": True, **_static(watch.targets)}],
    }
    with tempfile.TemporaryDirectory(prefix="sandbox-prometheus-") as folder:
        home = Path(folder)
        (home / "rules.yml").write_text(watch.rules)
        (home / "prometheus.yml").write_bytes(msgspec.yaml.encode(configuration))
        arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=store", "--log.level=warn"]
        with running_program(program, arguments, home=home) as url:
            yield url


@contextmanager
def real_alertmanager(program: str, route: Route) -> Iterator[str]:
    """Run the real Alertmanager, alone, on a free port of 127.0.0.1 and give its URL."""
    webhook: dict[str, object] = {"url": route.webhook_url, "send_resolved": True}
    if route.token is not None:
        webhook["http_config"] = {"authorization": {"type": "Bearer", "credentials": route.token}}
    configuration = {
        "route": {
            "receiver": route.receiver,
            "group_by": list(route.group_by),
            "group_wait": _duration(route.group_wait_seconds),
            "group_interval": _duration(route.group_interval_seconds),
            "repeat_interval": _duration(route.repeat_interval_seconds),
        },
        "receivers": [{"name": route.receiver, "webhook_configs": [webhook]}],
    }
    with tempfile.TemporaryDirectory(prefix="sandbox-alertmanager-") as folder:
        home = Path(folder)
        (home / "alertmanager.yml").write_bytes(msgspec.yaml.encode(configuration))
        arguments = [
            "--config.file=alertmanager.yml",
            "--storage.path=store",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        with running_program(program, arguments, home=home) as url:
            yield url


def _static(urls: Sequence[str]) -> dict[str, object]:
    return {"static_configs": [{"targets": [urlsplit(url).netloc for url in urls]}]}


@contextmanager
def running_program(program: str, arguments: Sequence[str], *, home: Path) -> Iterator[str]:
    """Run a program that takes Prometheus's `--web` options, from its readiness to its end."""
    process, url = _start(program, arguments, home=home)
    try:
        yield url
    finally:
        _end(process)


def _start(program: str, arguments: Sequence[str], *, home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a program on a free port and wait until it is ready.

    If someone else takes the port between our choice and the program's start, it ends; then another is tried.
    """
    for _ in range(_PORT_ATTEMPTS):
        address = f"{LOOPBACK}:{_free_port()}"
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    *arguments,
                    f"--web.listen-address={address}",
                    f"--web.external-url=http://{address}",
                ],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with ExitStack() as undo:
            undo.callback(_end, process)
            _wait_until(partial(_ended_or_ready, process, f"http://{address}"), what=program)
            if process.poll() is None:
                undo.pop_all()
                return process, f"http://{address}"
    raise ServerFailed(f"{program} ended: {(home / 'log').read_text(errors='replace')[-2000:]}")


def _ended_or_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    return process.poll() is not None or _ready(url)


@contextmanager
def _url_of(server: Alertmanager | Prometheus) -> Iterator[str]:
    with server:
        yield server.url


def _installed(programs: Sequence[str]) -> str | None:
    return next((found for found in map(shutil.which, programs) if found), None)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate the program, kill it when it does not go, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(_TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ServerFailed(f"{what}: not there after {_READY_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=1.0).is_success
    except httpx.HTTPError:
        return False


def _scraped(url: str) -> int:
    """Count the targets that a Prometheus has tried to scrape."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": f'up{{job="{JOB}"}}'}, timeout=5.0)
    answer.raise_for_status()
    return len(answer.json()["data"]["result"])
