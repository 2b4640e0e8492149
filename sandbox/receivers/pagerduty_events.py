"""PagerDuty's Events API v2: alerts and change events of an integration."""

import math
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.responses import JSONResponse, Response

from sandbox.receivers.pagerduty_bodies import ChangeEvent, Event
from sandbox.receivers.pagerduty_incidents import Alert
from sandbox.receivers.rates import Allowance
from sandbox.receivers.receiving import Clock, Received, Refused, decoded

ROUTING_KEY = "5a6d2b0c1e8f4a7b9c3d5e7f1a2b4c6d"

_PER_MINUTE = 120
_MOST_BYTES = 512 * 1024

T = TypeVar("T")


class EventsApi:
    """Takes events for the services of `routing_keys`.

    `opened` opens an incident on a service for an alert and returns its id; `moved` gives that incident
    another status. Events of one open alert, known by its dedup key, are one incident.
    """

    def __init__(
        self,
        routing_keys: Mapping[str, str],
        clock: Clock,
        opened: Callable[[str, Alert], str],
        moved: Callable[[str, str], None],
    ) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.changes: list[Mapping[str, Any]] = []
        self._routing_keys = routing_keys
        self._clock = clock
        self._opened, self._moved = opened, moved
        self._rates = Allowance(burst=_PER_MINUTE, per_second=_PER_MINUTE / 60)
        self._open: dict[tuple[str, str], str] = {}

    def enqueue(self, received: Received) -> Response:
        """Take an alert event."""
        event = self._taken(received, Event)
        service = self._service(event.routing_key)
        dedup_key = event.dedup_key or uuid.uuid4().hex
        self.events.append({**msgspec.to_builtins(event), "dedup_key": dedup_key})
        place = (service, dedup_key)
        if event.event_action == "trigger":
            assert isinstance(event.payload, msgspec.Struct)
            if place not in self._open:
                self._open[place] = self._opened(service, _alert(event, dedup_key))
        elif place in self._open:
            resolved = event.event_action == "resolve"
            incident = self._open.pop(place) if resolved else self._open[place]
            self._moved(incident, "resolved" if resolved else "acknowledged")
        answer = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
        return JSONResponse(answer, 202)

    def enqueue_change(self, received: Received) -> Response:
        """Take a change event."""
        event = self._taken(received, ChangeEvent)
        self._service(event.routing_key)
        self.changes.append(msgspec.to_builtins(event))
        return JSONResponse({"status": "success", "message": "Change event processed"}, 202)

    def _taken(self, received: Received, expected: type[T]) -> T:
        if len(received.body) > _MOST_BYTES:
            raise _refused("the event is larger than 512 KB", status=413)
        if received.media_type != "application/json":
            raise _refused("the content type must be application/json")
        try:
            body = received.json()
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _refused("the body is not JSON") from None
        return decoded(body, expected, refuse=_invalid)

    def _service(self, routing_key: str) -> str:
        """Find the service of a key, and count the event against it."""
        if len(routing_key) != 32:
            raise _refused("Length of 'routing_key' is incorrect (should be 32 characters)")
        if not re.fullmatch(r"[A-Za-z0-9]+", routing_key):
            raise _refused("'routing_key' cannot contain non-alphanumeric characters.")
        if routing_key not in self._routing_keys:
            raise _refused("Invalid routing key")
        wait_seconds = self._rates.take(routing_key, now=self._clock())
        if wait_seconds > 0:
            why = "Requests for this service are arriving too quickly.  Please retry later."
            body = {"status": "throttle exceeded", "message": why, "errors": [why]}
            raise Refused(JSONResponse(body, 429, {"Retry-After": str(math.ceil(wait_seconds))}))
        return self._routing_keys[routing_key]


def _alert(event: Event, dedup_key: str) -> Alert:
    payload = msgspec.to_builtins(event.payload)
    return Alert(
        key=dedup_key,
        summary=payload["summary"],
        details=payload.get("custom_details", {}),
        severity=payload["severity"],
    )


def _invalid(why: str) -> JSONResponse:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": [why]}
    return JSONResponse(body, 400)


def _refused(why: str, *, status: int = 400) -> Refused:
    answer = _invalid(why)
    answer.status_code = status
    return Refused(answer)
