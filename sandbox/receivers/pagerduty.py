"""PagerDuty: the REST API on incidents, the Events API v2, webhooks and incident actions."""

import time
import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx
from starlette.responses import Response

from sandbox.receivers.pagerduty_account import (
    ABILITIES,
    POLICIES,
    PRIORITIES,
    SERVICE,
    SERVICES,
    USER,
    USERS,
    Account,
    Written,
)
from sandbox.receivers.pagerduty_events import ROUTING_KEY, EventsApi
from sandbox.receivers.pagerduty_incidents import Alert, Incident, iso, reference
from sandbox.receivers.pagerduty_rest import MOST_NOTES, RestApi, problem
from sandbox.receivers.pagerduty_webhooks import custom_action, envelope, post_action, post_webhook
from sandbox.receivers.receiving import Act, Clock, Receiver

TOKEN = "sandbox-pagerduty-token"  # noqa: S105 - made up, worth nothing outside the sandbox
WEBHOOK_SECRET = "sandbox-pagerduty-webhook-secret"  # noqa: S105 - as above
ROUTING_KEYS = MappingProxyType({ROUTING_KEY: SERVICE})


class PagerDuty(Receiver):
    """One account: its REST API and its Events API v2 both at `url`.

    Checked as documented; stricter, the version must be asked for in `Accept`, and unknown fields are
    refused. `abilities` are what the plan allows: without ``status_updates`` or ``coordinated_responding``
    (responder requests) those calls are answered 402. `token_owner` is a user's id when the token is a
    person's own. Routing keys lead to services. An incident takes `most_notes`.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        token_owner: str = "",
        webhook_secrets: Sequence[str] = (WEBHOOK_SECRET,),
        routing_keys: Mapping[str, str] = ROUTING_KEYS,
        users: Mapping[str, str] = USERS,
        services: Mapping[str, str] = SERVICES,
        priorities: Mapping[str, str] = PRIORITIES,
        policies: Mapping[str, str] = POLICIES,
        abilities: Sequence[str] = ABILITIES,
        most_notes: int = MOST_NOTES,
        clock: Clock = time.time,
        port: int = 0,
    ) -> None:
        self._account = Account(
            clock,
            users=users,
            services=services,
            priorities=priorities,
            policies=policies,
            abilities=abilities,
        )
        self._rest = RestApi(
            self._account, clock, token=token, token_owner=token_owner, most_notes=most_notes
        )
        self._events = EventsApi(routing_keys, clock, self._account.alerted, self._account.moved)
        self._webhook_secrets = webhook_secrets
        super().__init__(clock=clock, port=port)

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """The incidents by id, the oldest first."""
        return dict(self._account.incidents)

    @property
    def notes(self) -> tuple[Written, ...]:
        """The notes on all incidents, in order."""
        return tuple(self._account.notes)

    @property
    def status_updates(self) -> tuple[Written, ...]:
        """The status updates of all incidents, in order."""
        return tuple(self._account.status_updates)

    @property
    def responder_requests(self) -> tuple[Written, ...]:
        """The requests for more people, in order."""
        return tuple(self._account.responder_requests)

    @property
    def events(self) -> tuple[Mapping[str, Any], ...]:
        """The events that the Events API took, in order."""
        return tuple(self._events.events)

    @property
    def change_events(self) -> tuple[Mapping[str, Any], ...]:
        """The change events that it took, in order."""
        return tuple(self._events.changes)

    def open_incident(
        self,
        *,
        title: str,
        service: str = SERVICE,
        alerts: Sequence[Alert] = (),
        urgency: str = "high",
        incident_id: str = "",
    ) -> Incident:
        """Open an incident, as an integration or a person would, and return it."""
        return self._account.open_incident(
            title=title, service=service, alerts=alerts, urgency=urgency, incident_id=incident_id
        )

    def webhook(
        self,
        event_type: str,
        incident_id: str = "",
        *,
        to: str,
        content: str = "",
        agent: str = "",
        webhook_id: str = "",
        secrets: Sequence[str] = (),
    ) -> httpx.Response:
        """Post a signed V3 event about an incident, or ``pagey.ping``, and return the answer.

        `content` is the text of a note or a status update; `agent` is the id of who did it, empty for
        automation. A retry names the `webhook_id` of the first attempt. It is signed with each of `secrets`,
        else with the subscription's.
        """
        event = envelope(
            event_type,
            self._event_data(event_type, incident_id, content),
            agent=self._account.user_reference(agent) if agent else None,
            occurred_at=iso(self._clock()).replace("Z", ".000Z"),
        )
        return post_webhook(
            to,
            event,
            secrets=secrets or self._webhook_secrets,
            webhook_id=webhook_id or str(uuid.uuid4()),
        )

    def press(
        self,
        incident_id: str,
        *,
        to: str,
        headers: Mapping[str, str],
        user: str = USER,
        label: str = "Roll back",
    ) -> httpx.Response:
        """Press a custom incident action, set up to post to an address with these headers."""
        incident = self._account.incidents[incident_id]
        body = custom_action(
            self._account.as_resource(incident),
            [alert.key for alert in incident.alerts],
            label=label,
            url=to,
            agent=self._account.user_reference(user),
            created_at=iso(self._clock()),
        )
        return post_action(to, body, headers=headers)

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            *self._rest.routes(),
            ("POST", "/v2/enqueue", self._events.enqueue),
            ("POST", "/v2/change/enqueue", self._events.enqueue_change),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        if status == 429:
            return problem(status, 2020, "Rate Limit Exceeded", headers=headers)
        return problem(status, 2000, "Internal Error", message, headers=headers)

    def not_found(self) -> Response:
        return problem(404, 2100, "Not Found", headers={})

    def _event_data(self, event_type: str, incident_id: str, content: str) -> dict[str, Any]:
        if event_type == "pagey.ping":
            return {"message": "Hello from your friend Pagey!", "type": "ping"}
        incident = self._account.incidents[incident_id]
        told = {"incident": reference("incident", incident.id, None), "id": "PNOTE01", "trimmed": False}
        match event_type:
            case "incident.annotated":
                return {**told, "content": content, "type": "incident_note"}
            case "incident.status_update_published":
                return {**told, "message": content, "type": "incident_status_update"}
            case _:
                return self._account.as_webhook_data(incident, assignee=USER)
