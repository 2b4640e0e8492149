"""Cold starts: each function in a fresh process, against importing flask and boto3 and making one client."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import installation
from benchmarks.alerts import TOKEN, TOKEN_VARIABLE
from benchmarks.cold_start import BASELINE
from benchmarks.measuring import Outcome, Row, Series, interleaved
from benchmarks.webhook_to_202 import NOWHERE

ROUNDS = 7
WEBHOOKS = ("alertmanager", "invoke")
OTHERS = ("responses", "freeze", "advance")
MOST_TIMES, MOST_MIB = 1.3, 100.0


def run() -> Outcome:
    """Measure. Nothing that a start reaches for is there: it fails at once, and is not waited for."""
    with tempfile.TemporaryDirectory(prefix="backout-bench-") as folder:
        environment = _environment(Path(folder))
        resident: dict[str, list[float]] = {}

        def starting(name: str) -> Callable[[], float]:
            return partial(_start, name, environment, resident.setdefault(name, []))

        names = (BASELINE, *WEBHOOKS, *OTHERS)
        contenders = [starting(name) for name in names]
        for contender in contenders:
            contender()  # the files are read from the disk, and compiled, once
        baseline, *values = interleaved(contenders, rounds=ROUNDS)
    against = Series(BASELINE, "ms", baseline)
    rows = [
        Row(Series(f"{name}, start", "ms", took), against, MOST_TIMES if name in WEBHOOKS else None)
        for name, took in zip(names[1:], values, strict=True)
    ]
    rows += [
        Row(
            Series(f"{name}, resident", "MiB", tuple(resident[name])),
            at_most=MOST_MIB if name in WEBHOOKS else None,
        )
        for name in names
    ]
    return Outcome(
        tuple(rows), (f"{ROUNDS} fresh processes each; the start of Python itself is not counted",)
    )


def _environment(folder: Path) -> Mapping[str, str]:
    config, kubeconfig = folder / "backout.yaml", folder / "kubeconfig"
    config.write_text(
        json.dumps(installation.configuration("production", ["checkout"], prometheus_url=NOWHERE))
    )
    named = {"name": "bench", "cluster": {"server": NOWHERE}}
    context = {"name": "bench", "context": {"cluster": "bench", "user": "bench"}}
    known = {"clusters": [named], "users": [{"name": "bench", "user": {}}], "contexts": [context]}
    kubeconfig.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "bench", **known})
    )
    return {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": NOWHERE,
        "BACKOUT_CONFIG": str(config),
        "BACKOUT_TABLE": "backout",
        "BACKOUT_QUEUE_URL": f"{NOWHERE}/queue",
        "KUBECONFIG": str(kubeconfig),
        TOKEN_VARIABLE: TOKEN,
    }


def _start(name: str, environment: Mapping[str, str], resident: list[float]) -> float:
    """Start it in a fresh process; return the milliseconds and note the memory."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cold_start", name],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    seconds, mib = map(float, done.stdout.split())
    resident.append(mib)
    return seconds * 1000
