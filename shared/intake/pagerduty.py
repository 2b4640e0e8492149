"""PagerDuty's V3 webhooks: one event a delivery. What an event means for a service is its turn.

Shapes are those of PagerDuty's "Webhooks overview" (V3). Event types that come later are no error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from shared.domain.alerts import Alert
from shared.errors import InvalidRequest
from shared.intake import bodies, values
from shared.wire import decoder

SOURCE = "pagerduty"
REFERENCE = "pagerduty"
"""The kind of reference by which a response knows its incident."""


class Turn(StrEnum):
    """What an event means here."""

    OPENED = "opened"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    PING = "ping"
    OTHER = "other"


TURNS: Mapping[str, Turn] = {
    "incident.triggered": Turn.OPENED,
    "incident.reopened": Turn.OPENED,
    "incident.unacknowledged": Turn.OPENED,
    "incident.escalated": Turn.OPENED,
    "incident.service_updated": Turn.OPENED,
    "incident.resolved": Turn.RESOLVED,
    "incident.acknowledged": Turn.ACKNOWLEDGED,
    "pagey.ping": Turn.PING,
}
"""The events that mean something. Who is assigned, priorities, roles and tasks do not; nor do notes and
status updates, so that our own, which come back as events, never set anything off."""

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id of PagerDuty's: it becomes part of a URL."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_OURS = re.compile(r"backout-(\d{8}-\d{6}-[0-9a-f]{8})(?:-[a-z_]+)?")
_LONGEST_AGENT = 64
_HINT = "This is not the body of PagerDuty's V3 webhook."


@dataclass(frozen=True)
class Incident:
    """An incident as an event tells it. `reopened_at` is None for one that was never resolved before.

    `response_id` is set when the incident is a page of ours: it is about that response, and no news.
    """

    id: str
    service_id: str
    title: str
    url: str
    created_at: datetime
    reopened_at: datetime | None = None
    response_id: str = ""


@dataclass(frozen=True)
class Notification:
    """One delivery. `by` is the id of who caused the event, empty for PagerDuty itself and for APIs."""

    id: str
    event_type: str
    turn: Turn
    by: str = ""
    incident: Incident | None = None


class _Reference(msgspec.Struct):
    id: str


class _Incident(msgspec.Struct):
    id: Id
    created_at: _Time
    service: _Reference | None = None
    incident_key: str | None = None
    status: str = ""
    title: str | None = None
    html_url: str | None = None
    reopened_at: _Time | None = None
    resolve_reason: Any = None  # null, {"type": "merge_resolve_reason", ...}, in time perhaps others


class _Event(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    event_type: str
    agent: Any = None  # null, or a reference to a user, a service, an integration, ...
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    event: _Event


_DECODER = decoder(_Body)
_INCIDENT = decoder(_Incident)


def parse(body: bytes) -> Notification:
    """Parse a delivery. Raises InvalidRequest (400, 413, 422) and nothing else, whatever the bytes."""
    event = bodies.decoded(body, _DECODER, hint=_HINT).event
    turn = TURNS.get(event.event_type, Turn.OTHER)
    by = _agent(event.agent)
    if turn in {Turn.PING, Turn.OTHER}:
        return Notification(event.id, event.event_type, turn, by)
    sent = bodies.decoded(bytes(event.data), _INCIDENT, hint=_HINT)
    if turn is Turn.OPENED and sent.status == "resolved":
        turn = Turn.OTHER
    if turn is Turn.RESOLVED and _merged(sent.resolve_reason):
        turn = Turn.OTHER
    return Notification(event.id, event.event_type, turn, by, _incident(sent))


def alert_of(incident: Incident, told: Sequence[Alert] = ()) -> Alert:
    """Return the incident as one alert that fires. `told` are its own alerts about the same workload.

    The incident's id names the firing, since every event has it. Of several alerts told, one that does not
    say which signal it is about stands for all, so that the others cannot explain it away.
    """
    first = next((a for a in told if a.signal is None), told[0] if told else None)
    return Alert(
        source=SOURCE,
        fingerprint=incident.id,
        starts_at=incident.reopened_at or incident.created_at,
        firing=True,
        name=(first.name if first else "") or incident.title,
        labels=first.labels if first else {},
        signal=first.signal if first else None,
        reading=first.reading if first else values.NO_VALUE,
        summary=incident.title,
        url=incident.url,
        references={REFERENCE: incident.id},
    )


def response_of(key: str | None) -> str:
    """Return the id of the response that a page of ours with this key is about; empty for other keys."""
    found = _OURS.fullmatch(key or "")
    return found[1] if found else ""


def _incident(sent: _Incident) -> Incident:
    url = sent.html_url or ""
    return Incident(
        id=sent.id,
        service_id=sent.service.id if sent.service else "",
        title=sent.title or f"incident {sent.id}",
        url=url if url.startswith(("http://", "https://")) else "",
        created_at=_utc(sent.created_at),
        reopened_at=_utc(sent.reopened_at) if sent.reopened_at else None,
        response_id=response_of(sent.incident_key),
    )


def _agent(agent: object) -> str:
    identifier = agent.get("id") if isinstance(agent, dict) else None
    return identifier[:_LONGEST_AGENT] if isinstance(identifier, str) else ""


def _merged(resolve_reason: object) -> bool:
    """Return whether the incident only went into another one, where its alerts go on."""
    kind = resolve_reason.get("type") if isinstance(resolve_reason, dict) else resolve_reason
    return kind in ("merge_resolve_reason", "merged")


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest(f"{at.isoformat()} is no time that can be. {_HINT}") from error
