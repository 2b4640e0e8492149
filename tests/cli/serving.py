"""A real `backout serve` in a process of its own, beside a stand-in cluster that runs checkout."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
BACKOUT = [sys.executable, "-c", "from cli.main import app; app()"]
START_SECONDS = 60.0
STOP_SECONDS = 30.0
GOOD, BAD = "registry.example.com/shop/checkout:v1", "registry.example.com/shop/checkout:v2"

CONFIG = """
cluster: laptop
auth: {alertmanager: "env:SERVED_AM", invoke: {alice: "env:SERVED_TOKEN"}, read: "env:SERVED_TOKEN"}
guardrails: {namespaces: [production]}
timing: {verify: 20s, stabilise: 1s, poll: 100ms, scrape: 50ms, settle: 20s}
services:
  - {name: checkout, workload: production/deployment/checkout, mode: auto}
  - {name: payments, workload: production/deployment/payments, mode: observe}
  - {name: search, workload: production/deployment/search, mode: auto}
"""


@dataclass(frozen=True)
class Served:
    """What is served: the process, what it said at the start, and its log."""

    process: subprocess.Popen[bytes]
    told: dict[str, Any]
    log: Path
    cluster: Cluster

    @property
    def url(self) -> str:
        url: str = self.told["url"]
        return url

    def images(self) -> set[str]:
        return set(self.cluster.running_images("production", "deployment", "checkout"))


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    """Serve with a table in memory on a free port; end the process at the end, whatever happened."""
    with Cluster(start_seconds=0.05) as cluster:
        deploy(cluster)
        with served_beside(cluster, folder, "--embedded", *arguments) as running:
            yield running


@contextmanager
def served_beside(
    cluster: Cluster, folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve on a free port for a cluster that is there; end the process at the end, whatever happened."""
    config, out, log = folder / "backout.yaml", folder / "out", folder / "log"
    config.write_text(CONFIG)
    command = [*BACKOUT, "serve", "--config", str(config), "--port", "0", "--json", *arguments]
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(cluster.kubeconfig_path),
        "SERVED_AM": "am",
        "SERVED_TOKEN": "token",
        **(env or {}),
    }
    with out.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr)
    try:
        yield Served(process, _first_words(process, out, log), log, cluster)
    finally:
        end(process)


def refused(folder: Path, config: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Return what `serve` says when it will not start, in a process of its own: it takes over signals."""
    path = folder / "backout.yaml"
    path.write_text(config)
    ran = subprocess.run(
        [*BACKOUT, "serve", "--config", str(path), *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(env or {})},
        check=False,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    assert ran.returncode == 1, ran.stderr
    return ran.stderr


def deploy(cluster: Cluster) -> None:
    """Roll checkout out on a good image, and then on a bad one."""
    cluster.create_namespace("production")
    path = f"{cluster.url}/apis/apps/v1/namespaces/production/deployments"
    labels = {"app": "checkout"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "checkout", "image": GOOD}]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "checkout", "namespace": "production"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }
    httpx.post(path, json=deployment).raise_for_status()
    until(lambda: cluster.running_images("production", "deployment", "checkout") == [GOOD, GOOD])
    containers = [{"name": "checkout", "image": BAD}]
    httpx.patch(
        f"{path}/checkout",
        headers={"Content-Type": "application/strategic-merge-patch+json"},
        json={"spec": {"template": {"spec": {"containers": containers}}}},
    ).raise_for_status()
    until(lambda: set(cluster.running_images("production", "deployment", "checkout")) == {BAD})


def until(condition: Any, seconds: float = 20.0) -> None:
    """Poll until the condition holds; fail when the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"


def end(process: subprocess.Popen[bytes]) -> int:
    """Ask the process to end and return its exit code; one that does not is killed."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _first_words(process: subprocess.Popen[bytes], out: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            told: dict[str, Any] = json.loads(out.read_text())
            return told
        except ValueError:
            assert process.poll() is None, log.read_text()
        _pause(process)
    raise AssertionError(f"it said nothing in time: {log.read_text()}")


def _pause(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=0.05)
    except subprocess.TimeoutExpired:
        return


def client_environment(url: str, token: str = "token") -> Mapping[str, str]:
    return {"BACKOUT_URL": url, "BACKOUT_TOKEN": token}
