"""What PagerDuty's REST API and Events API v2 take, field by field.

Stricter than PagerDuty, which drops a field that it does not know in silence: such a field is refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Id = Annotated[str, Meta(min_length=1, max_length=32)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class PriorityReference(Strict):
    id: Id
    type: Literal["priority_reference", "priority"]


class Reference(Strict):
    id: Id
    type: Literal["user_reference", "escalation_policy_reference", "user", "escalation_policy"]


class Note(Strict):
    content: Text


class NoteBody(Strict):
    note: Note


class StatusUpdateBody(Strict):
    message: Text
    subject: str | UnsetType = UNSET
    html_message: str | UnsetType = UNSET


class Assignment(Strict):
    assignee: Reference


class IncidentChange(Strict):
    type: Literal["incident", "incident_reference"]
    status: Literal["triggered", "acknowledged", "resolved"] | UnsetType = UNSET
    priority: PriorityReference | UnsetType | None = UNSET
    resolution: str | UnsetType = UNSET
    title: Text | UnsetType = UNSET
    escalation_level: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    urgency: Literal["high", "low"] | UnsetType = UNSET
    assignments: list[Assignment] | UnsetType = UNSET
    escalation_policy: Reference | UnsetType = UNSET


class IncidentBody(Strict):
    incident: IncidentChange


class ResponderTarget(Strict):
    responder_request_target: Reference


class ResponderRequestBody(Strict):
    requester_id: Id
    message: Text
    responder_request_targets: Annotated[list[ResponderTarget], Meta(min_length=1)]


class Link(Strict):
    href: Text
    text: str | UnsetType = UNSET


class Image(Strict):
    src: Text
    href: str | UnsetType = UNSET
    alt: str | UnsetType = UNSET


class EventPayload(Strict):
    summary: Annotated[str, Meta(min_length=1, max_length=1024)]
    source: Text
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | UnsetType = UNSET
    component: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    class_: str | UnsetType = msgspec.field(default=UNSET, name="class")
    custom_details: dict[str, Any] | UnsetType = UNSET


class Event(Strict):
    routing_key: str
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Meta(max_length=255)] = ""
    payload: EventPayload | UnsetType = UNSET
    links: list[Link] | UnsetType = UNSET
    images: list[Image] | UnsetType = UNSET
    client: str | UnsetType = UNSET
    client_url: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.event_action == "trigger" and self.payload is UNSET:
            raise ValueError("'payload' is missing or blank")
        if self.event_action != "trigger" and not self.dedup_key:
            raise ValueError("'dedup_key' is missing or blank")


class ChangePayload(Strict):
    summary: Annotated[str, Meta(min_length=1, max_length=1024)]
    source: str | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    custom_details: dict[str, Any] | UnsetType = UNSET


class ChangeEvent(Strict):
    routing_key: str
    payload: ChangePayload
    links: list[Link] | UnsetType = UNSET
    images: list[Image] | UnsetType = UNSET
