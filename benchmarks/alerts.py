"""The notifications that are posted: what Alertmanager sends for one firing alert."""

import hashlib
import json
from datetime import UTC, datetime

TOKEN = "benchmark"  # noqa: S105 opens what the benchmark itself has started
TOKEN_VARIABLE = "BACKOUT_BENCH_TOKEN"  # noqa: S105 a name
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def notification(namespace: str, deployment: str, episode: int = 0) -> bytes:
    """Return a notification of an alert that begins to fire now; each `episode` is an alert of its own."""
    labels = {
        "alertname": "HighErrorRate",
        "namespace": namespace,
        "deployment": deployment,
        "severity": "critical",
        "signal": "error_rate",
    }
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{deployment} answers too many requests with 5xx", "value": "0.25"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=errors%3Aratio+%3E+0.1&g0.tab=1",
        "fingerprint": hashlib.sha256(f"{deployment} {episode}".encode()).hexdigest()[:16],
    }
    body = {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="HighErrorRate", deployment="{deployment}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "backout",
        "groupLabels": {"alertname": "HighErrorRate", "deployment": deployment},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com:9093",
        "alerts": [alert],
    }
    return json.dumps(body).encode()
