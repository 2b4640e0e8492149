"""Tells people through PagerDuty: on the incident that pages already, else by an event of our own."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.adapters.pagerduty.events import events_api
from shared.domain.response import Outcome
from shared.errors import PermanentError
from shared.ports import Message

EVENTS_URL = "https://events.pagerduty.com"
NO_PRIORITIES: Mapping[str, str] = MappingProxyType({})

_PUBLISHED = frozenset({"rolled_back", "found_rolled_back", "ended"})
_UNDER_WAY = frozenset({"rolled_back", "scaled"})
_CALLING = frozenset({"asked", "alerts_again"})
_CALLING_ENDS = frozenset({Outcome.FAILED.value, Outcome.INCONCLUSIVE.value})
_CLOSING_ENDS = frozenset({Outcome.COMPLETED.value, Outcome.DISMISSED.value})
_EVENT_SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning"}

_LONGEST_SUMMARY = 1024
_LONGEST_NOTE = 20_000


class _Note(msgspec.Struct):
    id: str = ""
    content: str | None = ""


class _Notes(msgspec.Struct):
    notes: list[_Note]


class _NoteMade(msgspec.Struct):
    note: _Note


class _Priority(msgspec.Struct):
    id: str = ""


class _Incident(msgspec.Struct):
    status: str
    priority: _Priority | None = None


class _IncidentRead(msgspec.Struct):
    incident: _Incident


class PagerDutyPeople:
    """Writes notes on the incident that a response is known by; a message without one may make an event.

    The incident already pages, so it is never paged for again: it gets a note at each turn, a status update
    when something has been done, and its priority once if nobody has set one. `priorities` are priority ids
    by severity. `acknowledge` (which silences PagerDuty's own escalation) and `resolve` are the
    configuration's to allow. Without an incident, `routing_key` (Events API v2) pages for what needs a person
    and takes that back once it no longer does; without a routing key nothing is sent.

    A note carries the message's key, an event its response's: neither is made twice. The status update, of
    which PagerDuty keeps no list, comes last, so that no other call's failure repeats it.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        sender: str,
        events_url: str = EVENTS_URL,
        routing_key: str = "",
        acknowledge: bool = False,
        resolve: bool = False,
        priorities: Mapping[str, str] = NO_PRIORITIES,
        seconds: float = TELL_SECONDS,
    ) -> None:
        headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "From": sender,
        }
        self._api = JsonApi("PagerDuty", url, headers=headers, secrets=[token], seconds=seconds)
        self._events = events_api(events_url, routing_key, seconds=seconds)
        self._routing_key = routing_key
        self._acknowledge = acknowledge
        self._resolve = resolve
        self._priorities = priorities

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        incident = message.references.get("pagerduty", "")
        calls = self._api.calls()
        receipt = ""
        if self._routing_key and (not incident or anchor == _dedup_key(message)):
            events = self._events.calls(until=calls.until)
            receipt = self._event(events, message, paged_elsewhere=bool(incident))
        if not incident:
            return receipt
        path = f"/incidents/{quote(incident, safe='')}"
        note = self._note(calls, path, message, again=again)
        refusal = self._steered(calls, path, message, first=not anchor)
        if message.code in _PUBLISHED:
            self._published(calls, path, message)
        if refusal is not None:
            raise refusal
        return note

    def _note(self, calls: Calls, path: str, message: Message, *, again: bool) -> str:
        marker = f"[backout:{message.key}]"
        if again:
            for note in calls.ask("GET", f"{path}/notes", into=_Notes).notes:
                if marker in (note.content or ""):
                    return note.id
        body = {"note": {"content": f"{_story(message)[:_LONGEST_NOTE]}\n{marker}"}}
        return calls.ask("POST", f"{path}/notes", body, into=_NoteMade).note.id

    def _steered(self, calls: Calls, path: str, message: Message, *, first: bool) -> PermanentError | None:
        """Set priority and status where configured; what people have set stays. Return a refusal."""
        priority = self._priorities.get(message.severity) if first else None
        status = self._status(message)
        if priority is None and status is None:
            return None
        try:
            now = calls.ask("GET", path, into=_IncidentRead).incident
            wanted: dict[str, object] = {}
            if priority is not None and now.priority is None:
                wanted["priority"] = {"id": priority, "type": "priority_reference"}
            if status == "resolved" or (status == "acknowledged" and now.status == "triggered"):
                wanted["status"] = status
            if wanted and now.status != "resolved":
                calls.send("PUT", path, {"incident": {"type": "incident_reference", **wanted}})
        except Refused as error:
            return error
        return None

    def _status(self, message: Message) -> str | None:
        if self._resolve and message.code == "ended" and message.phase == Outcome.COMPLETED:
            return "resolved"
        return "acknowledged" if self._acknowledge and message.code in _UNDER_WAY else None

    @staticmethod
    def _published(calls: Calls, path: str, message: Message) -> None:
        """Send a status update to those who follow the incident; not every account has them."""
        try:
            calls.send("POST", f"{path}/status_updates", {"message": message.title})
        except Refused as error:
            if error.status in {401, 403}:
                raise

    def _event(self, calls: Calls, message: Message, *, paged_elsewhere: bool) -> str:
        """Trigger or resolve the alert that is the response's own; it stays one by its key."""
        ended = message.code == "ended"
        calls_someone = message.code in _CALLING or (ended and message.phase in _CALLING_ENDS)
        event: dict[str, object] = {"routing_key": self._routing_key, "dedup_key": _dedup_key(message)}
        if ended and message.phase in _CLOSING_ENDS:
            event["event_action"] = "resolve"
        elif calls_someone and not paged_elsewhere:
            severity = _EVENT_SEVERITIES.get(message.severity, "error")
            event |= {
                "event_action": "trigger",
                "payload": {**_payload(message), "severity": severity},
                "links": _links(message),
                "client": "Backout",
            }
        else:
            return ""
        calls.send("POST", "/v2/enqueue", event)
        return _dedup_key(message)


class PagerDutyChanges:
    """Records a rollback as a change event (Events API v2), next to the deploys that PagerDuty lists.

    A channel of its own: PagerDuty cannot tell two alike from one, so its retries must repeat nothing else
    and nothing else's must repeat it.
    """

    def __init__(
        self, events_url: str = EVENTS_URL, *, routing_key: str, seconds: float = TELL_SECONDS
    ) -> None:
        self._events = events_api(events_url, routing_key, seconds=seconds, name="PagerDuty changes")
        self._routing_key = routing_key

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        change = {
            "routing_key": self._routing_key,
            "payload": _payload(message, of_a_change=True),
            "links": _links(message),
        }
        self._events.calls().send("POST", "/v2/change/enqueue", change)
        return ""


def _dedup_key(message: Message) -> str:
    return f"backout-{message.response_id}"


def _story(message: Message) -> str:
    links = [f"{name}: {url}" for name, url in message.links.items()]
    timeline = message.timeline if message.code == "ended" else ()
    return "\n".join((message.title, *message.lines, *timeline, *links))


def _payload(message: Message, *, of_a_change: bool = False) -> dict[str, object]:
    """Return what both kinds of event have; only an alert has a component and a group."""
    payload: dict[str, object] = {
        "summary": message.title[:_LONGEST_SUMMARY],
        "source": "backout",
        "custom_details": {
            "response": message.response_id,
            "service": message.service,
            "phase": message.phase,
            "lines": list(message.lines),
            "timeline": list(message.timeline),
        },
    }
    if not of_a_change:
        payload |= {"component": message.service, "group": message.team}
    return payload


def _links(message: Message) -> list[dict[str, str]]:
    return [{"href": url, "text": name} for name, url in message.links.items()]
