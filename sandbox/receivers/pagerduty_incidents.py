"""PagerDuty's incidents, alerts and references to objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

WEB = "https://sandbox.pagerduty.com"
API = "https://api.pagerduty.com"

_PLURALS = {
    "escalation_policy": "escalation_policies",
    "priority": "priorities",
}


@dataclass(frozen=True)
class Alert:
    """An alert of an incident. `details` is what the monitoring sent; `key` is its dedup key."""

    key: str
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "critical"
    status: str = "triggered"


@dataclass(frozen=True)
class Incident:
    """An incident; service, priority and policy are ids, `changed_by` is an e-mail address or empty."""

    id: str
    number: int
    title: str
    service: str
    created_at: str
    key: str
    policy: str
    alerts: tuple[Alert, ...] = ()
    status: str = "triggered"
    urgency: str = "high"
    priority: str = ""
    escalation_level: int = 1
    resolution: str = ""
    changed_by: str = ""


def iso(at: float) -> str:
    """Write seconds since 1970 as PagerDuty does."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference(kind: str, object_id: str, summary: str | None) -> dict[str, Any]:
    """Write a reference to an object: ``service``, ``user``, ``escalation_policy``, ``priority``."""
    path = f"{_PLURALS.get(kind, kind + 's')}/{object_id}"
    return {
        "id": object_id,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"{API}/{path}",
        "html_url": f"{WEB}/{path}",
    }


def alert_resource(alert: Alert, incident: Incident, number: int) -> dict[str, Any]:
    """Write an alert as the REST API answers it; what was sent is in `body.details` and `cef_details`."""
    alert_id = f"{incident.id}A{number}"
    return {
        "id": alert_id,
        "type": "alert",
        "summary": alert.summary,
        "self": f"{API}/incidents/{incident.id}/alerts/{alert_id}",
        "html_url": f"{WEB}/alerts/{alert_id}",
        "created_at": incident.created_at,
        "status": alert.status,
        "alert_key": alert.key,
        "severity": alert.severity,
        "suppressed": False,
        "service": reference("service", incident.service, None),
        "incident": reference("incident", incident.id, None),
        "body": {
            "type": "alert_body",
            "contexts": [],
            "details": dict(alert.details),
            "cef_details": {
                "dedup_key": alert.key,
                "description": alert.summary,
                "severity": alert.severity,
                "details": dict(alert.details),
            },
        },
    }
