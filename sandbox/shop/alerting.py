"""Alerting rules for the shop, in Prometheus's rules file format."""

from typing import Any

import msgspec


def shop_rules(
    window: str = "5s", for_: str = "2s", *, namespace: str = "production", deployment: str = "checkout"
) -> str:
    """Write the rules file (YAML) that watches the shop.

    `window` is the range of every rate and must hold at least two scrapes; `for_` is how long a condition
    must last before it fires. The numbers travel as annotations: a value in a label would make a new alert
    of every evaluation.
    """
    requests = f'http_requests_total{{namespace="{namespace}",deployment="{deployment}"}}'
    failures = f'http_requests_total{{namespace="{namespace}",deployment="{deployment}",code=~"5.."}}'
    buckets = (
        f'http_request_duration_seconds_bucket{{namespace="{namespace}",deployment="{deployment}"}}[{window}]'
    )
    pods = f'namespace="{namespace}",pod=~"{deployment}-.*"'
    limit = f'sum by (namespace) (kube_pod_container_resource_limits{{{pods},resource="%s"}})'
    workload = "sum by (namespace, deployment)"
    failing = f"{workload} (rate({failures}[{window}]))"
    memory = f"sum by (namespace) (container_memory_working_set_bytes{{{pods}}})"
    cpu = f"sum by (namespace) (rate(container_cpu_usage_seconds_total{{{pods}}}[{window}]))"

    def rule(
        alert: str, signal: str, severity: str, expr: str, summary: str, **labels: str
    ) -> dict[str, Any]:
        return {
            "alert": alert,
            "expr": expr,
            "for": for_,
            "labels": {"signal": signal, "severity": severity, **labels},
            "annotations": {"summary": summary, "value": "{{ $value }}"},
        }

    rules = [
        rule(
            "HighErrorRate",
            "error_rate",
            "critical",
            f"{failing} / {workload} (rate({requests}[{window}])) > 0.05",
            "More than 5 % of the requests of {{ $labels.deployment }} fail.",
        ),
        rule(
            "HighLatencyP95",
            "latency_p95",
            "critical",
            f"histogram_quantile(0.95, sum by (namespace, deployment, le) (rate({buckets}))) > 5",
            "One request in twenty to {{ $labels.deployment }} takes longer than 5 seconds.",
        ),
        rule(
            "HighMemory",
            "memory_usage",
            "warning",
            f"{memory} / {limit % 'memory'} > 0.95",
            f"{deployment} uses more than 95 % of its memory.",
            deployment=deployment,
        ),
        rule(
            "HighCpu",
            "cpu_usage",
            "warning",
            f"{cpu} / {limit % 'cpu'} > 0.9",
            f"{deployment} uses more than 90 % of its CPU.",
            deployment=deployment,
        ),
        rule(
            "Many5xx",
            "http_5xx_per_minute",
            "critical",
            f"{failing} * 60 > 100",
            "{{ $labels.deployment }} answers more than 100 requests a minute with 5xx.",
        ),
    ]
    return msgspec.yaml.encode({"groups": [{"name": "shop", "rules": rules}]}).decode()
