"""Backout as it is installed: `backout serve` in a process of its own."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.alerts import TOKEN, TOKEN_VARIABLE
from benchmarks.programs import running
from benchmarks.tables import Storage
from benchmarks.traffic import WINDOW_SECONDS

OBSERVED = "observed"
"""A service whose alerts are only recorded."""

BACKOUT = str(Path(sys.executable).with_name("backout"))


def configuration(namespace: str, services: Sequence[str], *, prometheus_url: str) -> dict[str, object]:
    """Return the configuration; the storm limit is lifted, since the rounds are one."""
    token = f"env:{TOKEN_VARIABLE}"
    return {
        "cluster": "bench",
        "prometheus": {"url": prometheus_url, "window": f"{WINDOW_SECONDS}s"},
        "auth": {"alertmanager": token, "invoke": {"bench": token}, "read": token},
        "timing": {"scrape": "1s"},
        "guardrails": {"namespaces": [namespace], "storm": {"rollbacks": 1000, "per": "1m"}},
        "services": [
            *(_service(namespace, name, "auto") for name in services),
            _service(namespace, OBSERVED, "observe"),
        ],
    }


def _service(namespace: str, name: str, mode: str) -> dict[str, object]:
    match = {"namespace": namespace, "deployment": name}
    return {"name": name, "workload": f"{namespace}/deployment/{name}", "match": match, "mode": mode}


@contextmanager
def serving(config: Mapping[str, object], storage: Storage, *, kubeconfig: str) -> Iterator[str]:
    """Run `backout serve` with a configuration; give its URL."""
    with tempfile.TemporaryDirectory(prefix="backout-bench-") as folder:
        path = Path(folder, "backout.yaml")
        path.write_text(json.dumps(config))
        command = [BACKOUT, "serve", "--config", str(path), "--port", "0", "--json"]
        if storage.missing:
            command.append("--embedded")
        environment = {**storage.environment, "KUBECONFIG": kubeconfig, TOKEN_VARIABLE: TOKEN}
        with running(command, environment=environment, ready=lambda told: told.endswith("}\n")) as told:
            yield str(json.loads(told)["url"])
