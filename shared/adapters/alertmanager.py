"""Alertmanager, by its API v2: which alerts fire, and which of them it keeps quiet."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from shared.adapters.http_client import NO_HEADERS
from shared.adapters.json_api import TELL_SECONDS, JsonApi
from shared.domain.clearing import StandingAlert

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class _Status(msgspec.Struct, rename="camel"):
    silenced_by: list[str] = []
    inhibited_by: list[str] = []
    muted_by: list[str] = []


class _Alert(msgspec.Struct, rename="camel"):
    fingerprint: str
    starts_at: datetime
    labels: dict[str, str]
    status: _Status = msgspec.field(default_factory=_Status)


class AlertmanagerAlerts:
    """Asks one Alertmanager (or whatever speaks its API, like Mimir's) for the alerts that it holds.

    Those of a cluster gossip, so any one of them knows. `headers` are sent with each request.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] = NO_HEADERS, seconds: float = TELL_SECONDS
    ) -> None:
        self._api = JsonApi(
            "Alertmanager", url, headers=headers, secrets=tuple(headers.values()), seconds=seconds
        )

    def firing(self, filters: Sequence[Mapping[str, str]]) -> Sequence[StandingAlert]:
        """Ask ``GET /api/v2/alerts`` once for each filter; an alert that several find is told once."""
        calls = self._api.calls()
        found = [
            alert
            for labels in filters
            for alert in calls.ask("GET", f"/api/v2/alerts?{_query(labels)}", into=list[_Alert])
        ]
        return [_told(alert) for alert in {each.fingerprint: each for each in found}.values()]


def _query(labels: Mapping[str, str]) -> str:
    """Return a filter as matchers; a label whose name older versions cannot parse is left to the caller."""
    matchers = [
        ("filter", f"{name}={_quoted(value)}") for name, value in labels.items() if _LABEL.fullmatch(name)
    ]
    return urlencode([*matchers, ("active", "true"), ("silenced", "true"), ("inhibited", "true")])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _told(alert: _Alert) -> StandingAlert:
    status = alert.status
    quiet = {"silenced": status.silenced_by, "inhibited": status.inhibited_by, "muted": status.muted_by}
    return StandingAlert(
        fingerprint=alert.fingerprint,
        name=alert.labels.get("alertname", alert.fingerprint),
        labels=alert.labels,
        starts_at=alert.starts_at,
        suppressed=", ".join(word for word, by in quiet.items() if by),
    )
