"""The README's examples, pasted into a shell as they stand, but for the port."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from sandbox.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
ALERTS, PERSON = "alerts-secret", "my-secret"


@dataclass(frozen=True)
class Served:
    """A running `backout serve`."""

    url: str
    environment: dict[str, str]


@contextmanager
def serving(cluster: Cluster) -> Iterator[Served]:
    """Run the README's serve command on a free port, on a cluster with the shop in it."""
    environment = {
        **os.environ,
        "BACKOUT_ALERTMANAGER_TOKEN": ALERTS,
        "BACKOUT_TOKEN": PERSON,
        "KUBECONFIG": str(cluster.kubeconfig_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = ["backout", "serve", "--config", "examples/backout.yaml", "--embedded", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], 60)
            assert ready, "it did not say where it listens"
            url = str(json.loads(_document(process.stdout))["url"])
            yield Served(url, environment)
        finally:
            process.terminate()
            process.wait(20)


def _document(stream: IO[str]) -> str:
    """Read lines until they are a whole JSON document."""
    text = ""
    for line in stream:
        text += line
        try:
            json.loads(text)
        except ValueError:
            continue
        return text
    raise AssertionError(f"no JSON: {text}")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    with Cluster(start_seconds=0.05) as cluster:
        pasted(cluster, "kubectl ")
        with serving(cluster) as running:
            yield running


def pasted(cluster: Cluster, beginning: str) -> None:
    """Run the README's commands that begin so, on the cluster."""
    found = [line for block in BLOCKS for line in block.splitlines() if line.startswith(beginning)]
    assert found
    for command in found:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig_path)}
        subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, check=True, timeout=30)


def curls() -> list[str]:
    """Return the curl commands of the README, continued lines joined."""
    text = "\n".join(BLOCKS).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith("curl ")]


def paste(served: Served, command: str) -> Any:
    """Run a command as a person would paste it; return the JSON it prints. HTTP errors fail it."""
    command = command.replace("http://127.0.0.1:8080", served.url).replace(
        "curl ", "curl --fail-with-body ", 1
    )
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=served.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_the_readme_shows_the_main_calls() -> None:
    text = " ".join(curls())
    for path in ("/alertmanager", "/invoke", "/responses", "/freeze"):
        assert path in text


@pytest.mark.parametrize("command", curls())
def test_a_call_of_the_readme_works_as_it_stands(served: Served, command: str) -> None:
    answer = paste(served, command)
    if "/alertmanager" in command:
        assert answer["results"][0]["service"] == "checkout"
        assert answer["results"][0]["outcome"] in {"created", "joined"}
    elif "dry_run" in command:
        assert answer["dry_run"] is True
        assert answer["choice"]["to_image"] == "registry.example/checkout:1.4.1"
    elif "/responses" in command:
        assert isinstance(answer, dict | list)
    else:
        assert answer is not None


def test_the_readmes_serve_command_is_the_one_that_is_tested() -> None:
    [line] = [line for block in BLOCKS for line in block.splitlines() if "backout serve" in line]
    assert line == ".venv/bin/backout serve --config examples/backout.yaml --embedded --port 8080"


def test_the_readmes_score_command_prints_every_row() -> None:
    [line] = [line for block in BLOCKS for line in block.splitlines() if "backout score" in line]
    path = line.split()[-1]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("backout")), "score", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = ["error_rate_high", "error_rate_raised", "latency_p95", "memory_usage", "cpu_usage"]
    for row in [*rows, "http_5xx_per_minute", "latency_regression", "security_vulnerability"]:
        assert row in done.stdout
