"""Presses of buttons on an incident: PagerDuty's custom incident actions, and workflows that post.

A custom incident action sends the V2 webhook ``incident.custom``, unsigned; who pressed is the agent of its
``custom_log_entry``. A workflow's "Send a Webhook POST" sends what we ask for, with one needed key::

    {"incident": {"id": "Q2CKYRLH85UNN4", "service_id": "PNE3JZM"}, "by": "Ben", "id": "...", "reason": "..."}
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from shared.errors import InvalidRequest
from shared.intake import bodies
from shared.intake.pagerduty import Id, response_of
from shared.wire import decoder

EVENT = "incident.custom"
_HINT = (
    "It is the body of a custom incident action (V2, incident.custom), or of a workflow: "
    '{"incident": {"id": "...", "service_id": "..."}, "by": "..."}.'
)


@dataclass(frozen=True)
class Press:
    """One press. `id` is the same when it is sent again; empty when the sender gave none.

    `by` is a user's id, or what a workflow says; `name` how the user is called. `response_id` is set when
    the incident is a page of ours, about that response.
    """

    id: str
    incident_id: str
    service_id: str
    by: str
    name: str = ""
    reason: str = ""
    response_id: str = ""


_Text = Annotated[str, msgspec.Meta(max_length=200)]


class _Agent(msgspec.Struct):
    id: _Text | None = None
    summary: str | None = None


class _LogEntry(msgspec.Struct):
    type: str = ""
    agent: _Agent | None = None


class _Service(msgspec.Struct):
    id: str | None = None


class _Incident(msgspec.Struct):
    id: Id
    service: _Service | None = None
    service_id: str | None = None
    incident_key: str | None = None


class _Message(msgspec.Struct):
    event: str
    id: _Text = ""
    incident: msgspec.Raw = msgspec.Raw(b"null")
    log_entries: list[_LogEntry] | None = None


class _Body(msgspec.Struct):
    messages: list[_Message] | None = None
    incident: _Incident | None = None
    by: _Text = ""
    id: _Text = ""
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_DECODER = decoder(_Body)
_INCIDENT = decoder(_Incident)


def parse(body: bytes) -> tuple[Press, ...]:
    """Parse what a button sent; nothing when it is another event than a press.

    Raises InvalidRequest (400, 413, 422) and nothing else.
    """
    sent = bodies.decoded(body, _DECODER, hint=_HINT)
    if sent.messages is not None:
        return tuple(_custom(sent.messages))
    if sent.incident is None:
        raise InvalidRequest(f"There is no incident in it. {_HINT}")
    return (
        Press(
            id=sent.id.strip(),
            incident_id=sent.incident.id,
            service_id=_service_id(sent.incident),
            by=sent.by.strip(),
            reason=sent.reason.strip(),
            response_id=response_of(sent.incident.incident_key),
        ),
    )


def _custom(messages: list[_Message]) -> Iterator[Press]:
    for message in messages:
        if message.event != EVENT:
            continue
        incident = bodies.decoded(bytes(message.incident), _INCIDENT, hint=_HINT)
        entries = message.log_entries or []
        agent = next((e.agent for e in entries if e.type == "custom_log_entry" and e.agent), _Agent())
        yield Press(
            id=message.id,
            incident_id=incident.id,
            service_id=_service_id(incident),
            by=agent.id or "",
            name=(agent.summary or "")[:200],
            response_id=response_of(incident.incident_key),
        )


def _service_id(incident: _Incident) -> str:
    return incident.service_id or (incident.service.id if incident.service else None) or ""
