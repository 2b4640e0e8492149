"""Alerting rules made from the matrix: an alert for each row, by the queries that measure the service too.

Each signal is recorded (``backout:error_rate``) with the labels by which an alert finds its service, and the
alerts compare what is recorded with the thresholds. An alert is named for its row, but the row that counts is
found by the value that it carries: "raised" goes on firing above where "high" begins, or a value that goes to
and fro there would end the one before it begins the other.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.adapters.prometheus.profiles import TRAFFIC, WHERE, fleet_queries, profile_queries
from shared.domain.matrix import Action, Matrix, Row
from shared.domain.services import Catalogue, Service
from shared.domain.signals import NEEDS_TRAFFIC, NEVER_QUERIED, UNITS, Signal, Unit

Rule = dict[str, Any]

EVERY = "15s"
"""How often the rules are evaluated; Prometheus's own default, a minute, would be most of the wait."""

ENTRY = "backout_service"
"""The label that tells the numbers of services with an entry from those of all other Deployments."""

_FOR = {Action.ROLLBACK_NOW: "30s", Action.ROLLBACK_SOON: "1m", Action.SCALE_THEN_ROLLBACK: "2m"}
_BEFORE = "[5m] offset 1h"
_SHOWN = {
    Unit.RATIO: " is {{ $value | humanizePercentage }}",
    Unit.SECONDS: " is {{ $value | humanizeDuration }}",
    Unit.PER_MINUTE: ' is {{ printf "%.0f" $value }}',
    Unit.FLAG: "",
}


@dataclass(frozen=True)
class Rules:
    """Groups as a rules file has them, and in words the rows that nothing is asked about."""

    groups: tuple[Rule, ...]
    unheard: tuple[str, ...]


@dataclass(frozen=True)
class _Watched:
    """What one group watches: a service with an entry, or all Deployments that have none."""

    name: str
    matrix: Matrix
    queries: Mapping[str, str]
    labels: Mapping[str, str]
    workload: tuple[str, str]
    minimum_per_minute: float

    @property
    def selector(self) -> str:
        return f"{{{ENTRY}={json.dumps(self.labels.get(ENTRY, ''), ensure_ascii=False)}}}"

    def recorded(self, name: str) -> str:
        """Return the recorded series of a signal, or of the traffic."""
        return f"backout:{name}{self.selector}"


def alerting_rules(catalogue: Catalogue, *, window_seconds: float = 60.0) -> Rules:
    """Return the rules for each service with an entry, and for all others that alerts may find by labels.

    Without any entry and any namespace they are for every Deployment that Prometheus sees.
    """
    watched = [_entry(service, window_seconds) for service in catalogue.services]
    if catalogue.namespaces or not catalogue.services:
        watched.append(_others(catalogue, window_seconds))
    cluster = {"cluster": catalogue.cluster} if catalogue.cluster else {}
    return Rules(
        groups=tuple(
            {"name": each.name, "interval": EVERY, "rules": [*_records(each, cluster), *_alerts(each)]}
            for each in watched
        ),
        unheard=tuple(
            f"{each.name}: no query for {row.signal}, which the row {row.name} is about"
            for each in watched
            for row in each.matrix.rows
            if row.signal not in each.queries
        ),
    )


def _entry(service: Service, window_seconds: float) -> _Watched:
    ref = service.workload
    named = {**profile_queries(service.profile, service, window_seconds), **service.queries}
    where = f"{{namespace={json.dumps(ref.namespace)},{ref.kind}={json.dumps(ref.name)}}}"
    queries = {name: query.query for name, query in named.items()}
    queries |= {flag: f"max({flag}{where}) > bool 0" for flag in sorted(NEVER_QUERIED)}
    labels = {"namespace": ref.namespace, ref.kind: ref.name, **service.match, ENTRY: service.name}
    return _watched(f"backout {service.name}", service, queries, labels, ("namespace", ref.kind))


def _others(catalogue: Catalogue, window_seconds: float) -> _Watched:
    template = catalogue.template
    named = fleet_queries(template.profile, catalogue.namespaces, window_seconds)
    queries = {name: query.query for name, query in named.items()}
    by = f"by ({', '.join(WHERE)})"
    queries |= {flag: f"max {by} ({flag}) > bool 0" for flag in sorted(NEVER_QUERIED)}
    known = f" unless on ({', '.join(WHERE)}) backout:entry" if catalogue.services else ""
    queries = {name: f"({query}){known}" if known else query for name, query in queries.items()}
    return _watched("backout", template, queries, {}, WHERE)


def _watched(
    name: str,
    service: Service,
    queries: Mapping[str, str],
    labels: Mapping[str, str],
    workload: tuple[str, str],
) -> _Watched:
    """Return what a group watches; a regression without a query is against the p95 of an hour ago."""
    made = _Watched(name, service.matrix, queries, labels, workload, service.min_requests_per_minute)
    if Signal.LATENCY_P95 not in queries or Signal.LATENCY_REGRESSION in queries:
        return made
    p95 = made.recorded(Signal.LATENCY_P95)
    grown = f"{p95} / avg_over_time({p95}{_BEFORE}) - 1"
    grown += _busy(made, Signal.LATENCY_REGRESSION, before=True)
    return replace(made, queries={**queries, Signal.LATENCY_REGRESSION.value: grown})


def _records(watched: _Watched, cluster: Mapping[str, str]) -> Iterator[Rule]:
    labels = {**cluster, **watched.labels}
    if ENTRY in labels:
        yield {"record": "backout:entry", "expr": "vector(1)", "labels": dict(labels)}
    for name, query in watched.queries.items():
        yield {"record": f"backout:{name}", "expr": query} | ({"labels": dict(labels)} if labels else {})


def _alerts(watched: _Watched) -> Iterator[Rule]:
    entry = {name: value for name, value in watched.labels.items() if name == ENTRY}
    for row in watched.matrix.rows:
        if row.signal in watched.queries:
            above = f"{watched.recorded(row.signal)} > {row.threshold:.12g}"
            yield {
                "alert": row.name,
                "expr": above + _busy(watched, row.signal),
                "for": _FOR.get(row.action, "1m"),
                "labels": {**entry, "signal": row.signal.value, "severity": row.severity.value},
                "annotations": {"value": "{{ $value }}", "summary": _summary(watched, row)},
            }


def _busy(watched: _Watched, signal: Signal, *, before: bool = False) -> str:
    """Ask for enough requests, where less mean nothing and somebody counts them."""
    if signal not in NEEDS_TRAFFIC or not watched.minimum_per_minute or TRAFFIC not in watched.queries:
        return ""
    traffic = watched.recorded(TRAFFIC)
    traffic = f"avg_over_time({traffic}{_BEFORE})" if before else traffic
    return f" and on ({', '.join(watched.workload)}) {traffic} >= {watched.minimum_per_minute:.12g}"


def _summary(watched: _Watched, row: Row) -> str:
    where = "/".join(f"{{{{ $labels.{label} }}}}" for label in watched.workload)
    return f"{where}: {row.signal.replace('_', ' ')}{_SHOWN[UNITS[row.signal]]}"
