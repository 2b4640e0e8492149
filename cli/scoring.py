"""Commands score and replay: what the matrix says of alerts that were sent, with nothing running."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import printing, telling
from cli.printing import Json, plural, short
from shared import wire
from shared.domain import decisions
from shared.domain.alerts import Alert
from shared.domain.decisions import Decision, RowVerdict
from shared.domain.reasons import Reason, sentence
from shared.domain.services import DEFAULT_ALIASES, Catalogue, Service, canonical, discovered
from shared.domain.signals import UNITS, Unit
from shared.domain.workloads import WorkloadRef
from shared.engine.accepting import Answer, Request
from shared.engine.sorting import requests_of
from shared.errors import InvalidRequest
from shared.intake import alertmanager
from shared.intake.alertmanager import Notification

Config = Annotated[
    Path | None,
    typer.Option(envvar="BACKOUT_CONFIG", exists=True, dir_okay=False, help="The services and their matrix."),
]
NOWHERE = "-"
"""The namespace of an alert that names none, where there is no configuration."""


@dataclass(frozen=True)
class Scored:
    """One delivery with its decisions."""

    notification: Notification
    decided: tuple[tuple[Request, Decision], ...]
    ignored: tuple[Answer, ...]


def score(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A body of Alertmanager's webhook.")
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tell what the matrix says of a payload: every row with its reading, threshold and verdict."""
    with printing.telling(as_json):
        scored = _scored(file.read_bytes(), config)
    if as_json:
        printing.document(_document(scored))
        return
    for request, decision in scored.decided:
        _tell(request, decision)
    for answer in scored.ignored:
        printing.console().print(f"ignored: {_why(answer.reason)}")


def replay(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Bodies: one a file, or JSON lines.")
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Score many payloads and tell the totals; a delivery that repeats another counts once."""
    with printing.telling(as_json):
        totals = _totals([scored for file in files for scored in _all(file, config)])
    if as_json:
        printing.document(totals)
        return
    console = printing.console()
    console.print(
        f"{totals['deliveries']} deliveries, {totals['repeats']} of them repeats; "
        f"{totals['alerts']} alerts, {totals['ignored']} of no service"
    )
    table = printing.table("service", "action", "severity", "decisions")
    for row in totals["decisions"]:
        table.add_row(*(short(row[name]) for name in ("service", "action", "severity", "count")))
    console.print(table)


def _all(file: Path, config: Path | None) -> Iterator[Scored]:
    """Yield the deliveries of a file: one JSON document, else one on each line."""
    content = file.read_bytes()
    lines = [line for line in content.splitlines() if line.strip()]
    try:
        yield _scored(content, config)
        return
    except InvalidRequest:
        if len(lines) < 2 or not lines[0].rstrip().endswith(b"}"):
            raise
    for number, line in enumerate(lines, start=1):
        try:
            yield _scored(line, config)
        except InvalidRequest as error:
            raise InvalidRequest(f"{file}, line {number}: {error}") from error


def _totals(scored: Sequence[Scored]) -> dict[str, Any]:
    known: set[str] = set()
    counts: Counter[tuple[str, str, str]] = Counter()
    for delivery in scored:
        for request, decision in delivery.decided:
            if request.key in known:
                continue
            known.add(request.key)
            severity = decision.severity.value if decision.severity else ""
            counts[(request.service.name, decision.action.value, severity)] += 1
    keys = Counter(alertmanager.delivery_key(s.notification, s.notification.alerts) for s in scored)
    return {
        "deliveries": len(scored),
        "repeats": len(scored) - len(keys),
        "alerts": sum(len(s.notification.alerts) for s in scored),
        "ignored": sum(len(s.notification.alerts) - sum(len(r.alerts) for r, _ in s.decided) for s in scored),
        "decisions": [
            {"service": service, "action": action, "severity": severity or None, "count": count}
            for (service, action, severity), count in sorted(counts.items())
        ],
    }


def _scored(body: bytes, config: Path | None) -> Scored:
    if config is not None:
        from shared import bootstrap
        from shared.settings import load

        settings = load(config)
        catalogue = bootstrap.catalogue_of(settings)
        notification = alertmanager.parse(body, signals_by_alert=settings.signals_by_alert)
    else:
        sent = alertmanager.parse(body, signals_by_alert={})
        notification = replace(sent, alerts=tuple(_placed(alert) for alert in sent.alerts))
        catalogue = _by_labels(notification.alerts)
    requests, ignored = requests_of(
        catalogue,
        notification.source,
        notification.alerts,
        key_of=lambda alerts: alertmanager.delivery_key(notification, alerts),
    )
    decided = tuple((r, decisions.decide(r.service.matrix, r.carried)) for r in requests)
    return Scored(notification, decided, tuple(ignored))


def _placed(alert: Alert) -> Alert:
    """Return the alert so that its labels name a workload: without a configuration they are the service."""
    labels = {name: value for name, value in alert.labels.items() if name != "cluster"}
    known = canonical(labels, DEFAULT_ALIASES)
    namespace = known.setdefault("namespace", NOWHERE)
    if discovered(known, DEFAULT_ALIASES, cluster="", namespaces=[namespace]) is None:
        known["deployment"] = known.get("service") or alert.name or "unnamed"
    return replace(alert, labels=known)


def _by_labels(alerts: Sequence[Alert]) -> Catalogue:
    template = Service("", WorkloadRef("", "", "", ""))
    return Catalogue("", (), template, tuple({alert.labels["namespace"] for alert in alerts}))


def _tell(request: Request, decision: Decision) -> None:
    console = printing.console()
    severity = f", {decision.severity}" if decision.severity else ""
    console.print(
        f"[bold]{short(request.service.name)}[/] {short(request.service.workload)}: "
        f"[bold]{decision.action}[/]{severity}, score {decision.score}, "
        f"{plural(len(request.alerts), 'alert')}"
    )
    table = printing.table("row", "reading", "threshold", "verdict", "action")
    for row in decision.rows:
        reading = row.reading
        table.add_row(
            row.row,
            telling.quantity(row.signal, reading.value) if reading.value is not None else short(reading.why),
            _threshold(row),
            f"[bold red]{row.verdict}[/]" if row.verdict == "matched" else row.verdict,
            f"{row.action} {row.severity}{' (asks)' if row.asks else ''}",
        )
    console.print(table)


def _threshold(row: RowVerdict) -> str:
    if UNITS[row.signal] is Unit.FLAG:
        return "true"
    return f"> {telling.quantity(row.signal, row.threshold)}"


def _why(reason: Reason | None) -> str:
    return sentence(reason) if reason else ""


def _document(scored: Scored) -> dict[str, Any]:
    return {
        "results": [
            {
                "service": request.service.name,
                "workload": str(request.service.workload),
                "alerts": len(request.alerts),
                "decision": wire.to_builtins(decision),
            }
            for request, decision in scored.decided
        ],
        "ignored": [{"reason": a.reason, "detail": _why(a.reason)} for a in scored.ignored],
    }
