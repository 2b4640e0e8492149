"""Tells customers by a status page: Atlassian's Statuspage, or an endpoint that takes plain JSON."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi
from shared.domain.reasons import Reason
from shared.domain.response import Outcome
from shared.errors import ConfigurationError
from shared.ports import Message

WORDING: Mapping[str, str] = MappingProxyType(
    {
        "name": "Problems with {service}",
        "identified": "We have found a problem with {service} and are working on it.",
        "monitoring": "We have put a fix for {service} in place and are watching it.",
        "resolved": "{service} works as usual again.",
        "unresolved": "The problem with {service} is not solved yet. We keep working on it.",
    }
)
"""What customers read where the configuration says nothing else; ``{service}`` is the service's name."""

KINDS = ("statuspage", "json")
NO_COMPONENTS: Mapping[str, Mapping[str, str]] = MappingProxyType({})

_STATUSES = {
    "asked": "identified",
    "holding": "identified",
    "rolled_back": "monitoring",
    "found_rolled_back": "monitoring",
}
_LONGEST_NAME = 255
_LONGEST_BODY = 25_000


class _Update(msgspec.Struct):
    status: str = ""
    body: str | None = ""


class _Incident(msgspec.Struct):
    id: str
    metadata: dict[str, object] | None = None
    incident_updates: list[_Update] | None = None


class StatusPagePeople:
    """Publishes what customers may know: the templates of `wording`, never a message's own lines.

    A response has one incident on the page. Asked about or announced it is identified; rolled back it is
    monitored; completed, or recovered by itself, it is resolved; ended otherwise it stays open, with a word
    that work goes on, for a person to close. What ends before anything was published is not published.

    `components` are those of each service, with the state that they have until the incident is resolved.
    Subscribers get mail only with `deliver_notifications`. A plain endpoint (`kind` ``json``; `url` is all of
    its address) is posted ``{"status", "message"}`` and cannot tell a repeat; Statuspage can, since the
    incident names the response in its metadata.
    """

    def __init__(
        self,
        kind: str,
        url: str,
        *,
        page: str = "",
        token: str = "",
        wording: Mapping[str, str] = WORDING,
        components: Mapping[str, Mapping[str, str]] = NO_COMPONENTS,
        deliver_notifications: bool = False,
        seconds: float = TELL_SECONDS,
    ) -> None:
        if kind not in KINDS:
            raise ConfigurationError(f"status_page.kind is {kind!r}; there are {', '.join(KINDS)}")
        scheme = "OAuth" if kind == "statuspage" else "Bearer"
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        self._api = JsonApi("the status page", url, headers=headers, secrets=[token], seconds=seconds)
        self._plain = kind == "json"
        self._incidents = f"/pages/{quote(page, safe='')}/incidents"
        self._wording = {**WORDING, **wording}
        self._components = components
        self._deliver_notifications = deliver_notifications

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        status = _status(message)
        if status is None or (message.code == "ended" and not anchor):
            return ""
        if status == "identified" and anchor and not again:
            return anchor  # it says so already
        if self._plain:
            return self._posted(message, status)
        calls = self._api.calls()
        incident = self._open(calls, message, anchor) if again or not anchor else None
        if incident is not None:
            anchor = incident.id
        elif again and anchor:
            return anchor  # resolved meanwhile, by us or by a person: not for us to open again
        update = self._update(message, status)
        if not anchor:
            update |= {
                "name": self._worded("name", message)[:_LONGEST_NAME],
                "metadata": {"backout": {"response": message.response_id}},
            }
            return calls.ask("POST", self._incidents, {"incident": update}, into=_Incident).id
        if not (incident and again and _said(incident, update)):
            calls.send("PATCH", f"{self._incidents}/{quote(anchor, safe='')}", {"incident": update})
        return anchor

    def _posted(self, message: Message, status: str) -> str:
        body = {"status": status or "identified", "message": self._worded(status, message)}
        self._api.calls().send("POST", "", body)
        return message.response_id

    def _open(self, calls: Calls, message: Message, anchor: str) -> _Incident | None:
        """Return the response's incident, if it is there and not resolved."""
        for incident in calls.ask("GET", f"{self._incidents}/unresolved", into=list[_Incident]):
            ours = (incident.metadata or {}).get("backout") == {"response": message.response_id}
            if incident.id == anchor or ours:
                return incident
        return None

    def _update(self, message: Message, status: str) -> dict[str, object]:
        components = self._components.get(message.service, {})
        if status == "resolved":
            components = dict.fromkeys(components, "operational")
        update: dict[str, object] = {
            "body": self._worded(status, message)[:_LONGEST_BODY],
            "deliver_notifications": self._deliver_notifications,
        }
        if status:
            update["status"] = status
        if status and components:
            update |= {"components": dict(components), "component_ids": list(components)}
        return update

    def _worded(self, key: str, message: Message) -> str:
        return self._wording[key or "unresolved"].replace("{service}", message.service)


def _status(message: Message) -> str | None:
    """Return the status that a message stands for; empty: it stays as it is; None: nothing is told."""
    if message.code == "ended":
        recovered = message.phase == Outcome.DISMISSED and message.reason == Reason.RECOVERED
        return "resolved" if message.phase == Outcome.COMPLETED or recovered else ""
    return _STATUSES.get(message.code)


def _said(incident: _Incident, update: Mapping[str, object]) -> bool:
    """Return whether the incident's newest update, which comes first, is this one."""
    newest = next(iter(incident.incident_updates or ()), None)
    return newest is not None and newest.body == update["body"]
