"""Alerts sent to Alertmanagers, when and as Prometheus sends them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from sandbox.prometheus.rules import Alert, AlertRule, AlertState
from sandbox.prometheus.samples import Labels

RESEND_MS = 60_000
_TIMEOUT_SECONDS = 10.0


def rfc3339(at_ms: int) -> str:
    """Write a Unix time in milliseconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class AlertSender:
    """Posts firing and resolved alerts to every Alertmanager.

    What changed is sent at once, and what still holds again every minute, for Alertmanager forgets an alert
    whose `endsAt` has passed. A resolved alert is repeated for a quarter of an hour, so that a lost one is
    made good.
    """

    alertmanager_urls: Sequence[str]
    own_url: str
    interval_ms: int
    client: httpx.Client
    _sent_at_ms: dict[tuple[str, str, Labels], int] = field(default_factory=dict)

    def send(self, rules: Sequence[AlertRule], *, now_ms: int) -> None:
        """Send what is due; what an Alertmanager did not take is due again at the next call."""
        for url in self.alertmanager_urls:
            due = list(self._due(url, rules, now_ms=now_ms))
            if not due:
                continue
            body = [self._wire(rule, alert, now_ms=now_ms) for rule, alert in due]
            try:
                self.client.post(
                    f"{url}/api/v2/alerts", json=body, timeout=_TIMEOUT_SECONDS
                ).raise_for_status()
            except httpx.HTTPError:
                continue
            self._sent_at_ms |= {(url, rule.name, alert.labels): now_ms for rule, alert in due}

    def _due(self, url: str, rules: Sequence[AlertRule], *, now_ms: int) -> Iterator[tuple[AlertRule, Alert]]:
        for rule in rules:
            for alert in rule.alerts.values():
                sent_at_ms = self._sent_at_ms.get((url, rule.name, alert.labels), 0)
                changed = sent_at_ms < max(alert.fired_at_ms, alert.resolved_at_ms)
                repeat = sent_at_ms + RESEND_MS <= now_ms
                if alert.state is not AlertState.PENDING and (changed or repeat):
                    yield rule, alert

    def _wire(self, rule: AlertRule, alert: Alert, *, now_ms: int) -> dict[str, Any]:
        lasts_ms = 4 * max(self.interval_ms, RESEND_MS)
        return {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": rfc3339(alert.fired_at_ms),
            "endsAt": rfc3339(alert.resolved_at_ms or now_ms + lasts_ms),
            "generatorURL": f"{self.own_url}/graph?{urlencode({'g0.expr': rule.text, 'g0.tab': '1'})}",
        }
