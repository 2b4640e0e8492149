"""What a PagerDuty account holds: its people and policies, its incidents, and what was written on them."""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import msgspec

from sandbox.receivers.pagerduty_incidents import Alert, Incident, iso, reference
from sandbox.receivers.receiving import Clock

USER = "PVE0ZR9"
SERVICE = "PNE3JZM"
POLICY = "P482651"

USERS = MappingProxyType({USER: "bot@example.com", "PALICE1": "alice@example.com"})
SERVICES = MappingProxyType({SERVICE: "checkout"})
PRIORITIES = MappingProxyType({"PRIO0": "P0", "PRIO1": "P1", "PRIO2": "P2"})
POLICIES = MappingProxyType({POLICY: "On call"})
ABILITIES = ("coordinated_responding", "status_updates", "teams")


@dataclass(frozen=True)
class Written:
    """Something that was put on an incident; `by` is the e-mail address of whoever did it."""

    id: str
    incident: str
    by: str
    created_at: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """A note's content, or the message of a status update or a responder request."""
        return str(self.body.get("content") or self.body.get("message", ""))


class Account:
    """An account. Users are e-mail addresses by id; services, priorities and policies are names by id."""

    def __init__(
        self,
        clock: Clock,
        *,
        users: Mapping[str, str],
        services: Mapping[str, str],
        priorities: Mapping[str, str],
        policies: Mapping[str, str],
        abilities: Sequence[str],
    ) -> None:
        self.users, self.services = users, services
        self.priorities, self.policies, self.abilities = priorities, policies, abilities
        self.incidents: dict[str, Incident] = {}
        self.notes: list[Written] = []
        self.status_updates: list[Written] = []
        self.responder_requests: list[Written] = []
        self._clock = clock
        self._numbers = itertools.count(1)

    def open_incident(
        self, *, title: str, service: str, alerts: Sequence[Alert], urgency: str, incident_id: str
    ) -> Incident:
        """Open an incident and return it."""
        number = next(self._numbers)
        incident = Incident(
            id=incident_id or f"Q{number:013d}",
            number=number,
            title=title,
            service=service,
            created_at=iso(self._clock()),
            key=alerts[0].key if alerts else uuid.uuid4().hex,
            policy=next(iter(self.policies)),
            alerts=tuple(alerts),
            urgency=urgency,
        )
        self.incidents[incident.id] = incident
        return incident

    def alerted(self, service: str, alert: Alert) -> str:
        """Open an incident for an alert and return its id."""
        opened = self.open_incident(
            title=alert.summary, service=service, alerts=[alert], urgency="high", incident_id=""
        )
        return opened.id

    def moved(self, incident_id: str, status: str) -> None:
        """Give an incident another status; its alerts end with it."""
        incident = self.incidents[incident_id]
        alerts = incident.alerts
        if status == "resolved":
            alerts = tuple(replace(alert, status=status) for alert in alerts)
        self.incidents[incident_id] = replace(incident, status=status, alerts=alerts)

    def written(self, incident: Incident, by: str, body: msgspec.Struct) -> Written:
        """Make something that can be put on an incident."""
        return Written(
            id=f"PN{next(self._numbers):06d}",
            incident=incident.id,
            by=by,
            created_at=iso(self._clock()),
            body=msgspec.to_builtins(body),
        )

    def user_with(self, email: str) -> str:
        """Return the id of the user with that address, empty when there is none."""
        return next((each for each, address in self.users.items() if address == email), "")

    def user_reference(self, user_id: str) -> dict[str, Any]:
        """Write a reference to a user, who need not be known."""
        return reference("user", user_id, self.users.get(user_id, "").partition("@")[0].title() or None)

    def as_resource(self, incident: Incident) -> dict[str, Any]:
        """Write an incident as the REST API answers it."""
        firing = sum(alert.status == "triggered" for alert in incident.alerts)
        everything = len(incident.alerts)
        return {
            **self._common(incident),
            "summary": f"[#{incident.number}] {incident.title}",
            "incident_number": incident.number,
            "description": incident.title,
            "updated_at": incident.created_at,
            "last_status_change_at": incident.created_at,
            "assignments": [],
            "acknowledgements": [],
            "pending_actions": [],
            "alert_counts": {"all": everything, "triggered": firing, "resolved": everything - firing},
            "is_mergeable": True,
        }

    def as_webhook_data(self, incident: Incident, *, assignee: str) -> dict[str, Any]:
        """Write an incident as V3 webhooks carry it: without its alerts."""
        return {
            **self._common(incident),
            "number": incident.number,
            "assignees": [] if incident.status == "resolved" else [self.user_reference(assignee)],
            "conference_bridge": None,
            "incident_type": {"name": "incident_default"},
        }

    def _common(self, incident: Incident) -> dict[str, Any]:
        priority = None
        if incident.priority:
            priority = reference("priority", incident.priority, self.priorities[incident.priority])
        return {
            **reference("incident", incident.id, None),
            "type": "incident",
            "status": incident.status,
            "incident_key": incident.key,
            "created_at": incident.created_at,
            "title": incident.title,
            "service": reference("service", incident.service, self.services.get(incident.service)),
            "escalation_policy": reference(
                "escalation_policy", incident.policy, self.policies[incident.policy]
            ),
            "teams": [],
            "priority": priority,
            "urgency": incident.urgency,
            "resolve_reason": None,
        }
