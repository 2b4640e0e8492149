"""A status page: Atlassian Statuspage, and the plain JSON endpoint of a home-made one."""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import JSONResponse, Response

from sandbox.receivers.rates import Allowance
from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer, decoded

TOKEN = "sandbox-statuspage-token"  # noqa: S105 - made up, worth nothing outside the sandbox
PAGE = "kctbh9vrtdwd"
COMPONENTS = MappingProxyType({"cmp1": "Checkout"})

_PER_MINUTE = 60

IncidentStatus = Literal["investigating", "identified", "monitoring", "resolved"]
ComponentStatus = Literal[
    "operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"
]


class IncidentFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    status: IncidentStatus | UnsetType = UNSET
    impact_override: Literal["maintenance", "none", "critical", "major", "minor"] | UnsetType = UNSET
    body: Annotated[str, Meta(max_length=25_000)] | UnsetType = UNSET
    component_ids: list[str] | UnsetType = UNSET
    components: dict[str, ComponentStatus] | UnsetType = UNSET
    deliver_notifications: bool = True
    metadata: dict[str, dict[str, Any]] | UnsetType = UNSET


class IncidentBody(msgspec.Struct, forbid_unknown_fields=True):
    incident: IncidentFields


@dataclass(frozen=True)
class Update:
    """One thing said about an incident; `notified` is whether subscribers were told of it."""

    status: str
    body: str
    notified: bool
    at: str


@dataclass(frozen=True)
class PageIncident:
    """An incident of the page; `updates` are the oldest first."""

    id: str
    name: str
    status: str
    created_at: str
    updates: tuple[Update, ...] = ()
    component_ids: tuple[str, ...] = ()
    impact: str = "none"
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Statuspage(Receiver):
    """One page of Atlassian Statuspage, with its components; the API is at `api_url`.

    Stricter than Statuspage, a field that is not known is refused. A request a second is taken for each
    token, sixty at once; the sixty-first is answered `limit_status`, which is 420 or 429.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        page: str = PAGE,
        components: Mapping[str, str] = COMPONENTS,
        limit_status: int = 429,
        clock: Clock = time.time,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, port=port)
        self.api_url = f"{self.url}/v1"
        self.component_statuses: dict[str, str] = dict.fromkeys(components, "operational")
        self._components = components
        self._token, self._page, self._limit_status = token, page, limit_status
        self._calls = Allowance(burst=_PER_MINUTE, per_second=_PER_MINUTE / 60)
        self._incidents: dict[str, PageIncident] = {}
        self._numbers = itertools.count(1)

    @property
    def incidents(self) -> tuple[PageIncident, ...]:
        """The page's incidents, the oldest first."""
        return tuple(self._incidents.values())

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            ("GET", "/v1/pages/{page}", self._show_page),
            ("GET", "/v1/pages/{page}/components", self._list_components),
            ("GET", "/v1/pages/{page}/incidents", self._list),
            ("GET", "/v1/pages/{page}/incidents/unresolved", self._list_unresolved),
            ("GET", "/v1/pages/{page}/incidents/{id}", self._show),
            ("POST", "/v1/pages/{page}/incidents", self._create),
            ("PATCH", "/v1/pages/{page}/incidents/{id}", self._update),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        return JSONResponse({"error": message}, status, headers)

    def not_found(self) -> Response:
        return JSONResponse({"error": "Not Found"}, 404)

    def _admit(self, received: Received) -> None:
        if bearer(received, "OAuth") != self._token:
            raise Refused(JSONResponse({"error": "Could not authenticate"}, 401))
        wait_seconds = self._calls.take(self._token, now=self._clock())
        if wait_seconds > 0:
            headers = {"Retry-After": str(math.ceil(wait_seconds))}
            raise Refused(self.failure(self._limit_status, "Rate limit exceeded", headers))
        if received.parameters["page"] != self._page:
            raise Refused(self.not_found())

    def _show_page(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse({"id": self._page, "name": "Sandbox", "subdomain": "sandbox", "time_zone": "UTC"})

    def _list_components(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse([self._component(each) for each in self._components])

    def _list(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse([self._shown(each) for each in reversed(self.incidents)])

    def _list_unresolved(self, received: Received) -> Response:
        self._admit(received)
        unresolved = (each for each in reversed(self.incidents) if each.status != "resolved")
        return JSONResponse([self._shown(each) for each in unresolved])

    def _show(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse(self._shown(self._found(received)))

    def _create(self, received: Received) -> Response:
        self._admit(received)
        fields = self._fields(received)
        if fields.name is UNSET:
            raise _unprocessable("Name can't be blank")
        blank = PageIncident(
            id=f"p{next(self._numbers):011d}",
            name=fields.name,
            status="investigating",
            created_at=self._now(),
        )
        return JSONResponse(self._shown(self._merged(blank, fields)), 201)

    def _update(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse(self._shown(self._merged(self._found(received), self._fields(received))))

    def _fields(self, received: Received) -> IncidentFields:
        try:
            body = received.json()
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        if received.media_type != "application/json" or not isinstance(body, dict) or "incident" not in body:
            raise Refused(JSONResponse({"error": "incident is missing"}, 400))
        fields = decoded(body, IncidentBody, refuse=_refusal).incident
        for component in [*(fields.components or ()), *(fields.component_ids or ())]:
            if component not in self._components:
                raise _unprocessable(f"Component {component} not found")
        return fields

    def _merged(self, incident: PageIncident, fields: IncidentFields) -> PageIncident:
        """Store an incident with what is said of it, and give its components their statuses."""
        said: dict[str, Any] = msgspec.to_builtins(fields)
        ids = said.get("component_ids", incident.component_ids)
        update = Update(
            status=said.get("status", incident.status),
            body=said.get("body", ""),
            notified=fields.deliver_notifications,
            at=self._now(),
        )
        merged = replace(
            incident,
            name=said.get("name", incident.name),
            status=update.status,
            impact=said.get("impact_override", incident.impact),
            component_ids=tuple(dict.fromkeys([*ids, *said.get("components", {})])),
            metadata=said.get("metadata", incident.metadata),
            updates=(*incident.updates, update),
        )
        self._incidents[merged.id] = merged
        self.component_statuses |= said.get("components", {})
        return merged

    def _found(self, received: Received) -> PageIncident:
        incident = self._incidents.get(received.parameters["id"])
        if incident is None:
            raise Refused(self.not_found())
        return incident

    def _shown(self, incident: PageIncident) -> dict[str, Any]:
        updates = [
            {
                "id": f"{incident.id}u{number}",
                "incident_id": incident.id,
                "status": update.status,
                "body": update.body,
                "created_at": update.at,
                "deliver_notifications": update.notified,
            }
            for number, update in enumerate(incident.updates)
        ]
        return {
            "id": incident.id,
            "page_id": self._page,
            "name": incident.name,
            "status": incident.status,
            "impact": incident.impact,
            "created_at": incident.created_at,
            "updated_at": incident.updates[-1].at,
            "resolved_at": incident.updates[-1].at if incident.status == "resolved" else None,
            "shortlink": f"https://stspg.example/{incident.id}",
            "metadata": dict(incident.metadata),
            "components": [self._component(each) for each in incident.component_ids],
            "incident_updates": updates[::-1],
        }

    def _component(self, component: str) -> dict[str, Any]:
        status = self.component_statuses[component]
        return {"id": component, "page_id": self._page, "name": self._components[component], "status": status}

    def _now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self._clock()))


def _refusal(why: str) -> JSONResponse:
    return JSONResponse({"error": [why]}, 422)


def _unprocessable(why: str) -> Refused:
    return Refused(_refusal(why))
