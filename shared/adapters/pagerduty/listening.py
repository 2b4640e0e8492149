"""Listens at PagerDuty: which incidents were opened on a service since a time."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from shared.adapters.json_api import TELL_SECONDS, JsonApi
from shared.domain.complaints import Complaint, Listened
from shared.domain.services import Service

_PAGE = 100


class _Incident(msgspec.Struct):
    id: str
    status: str
    created_at: datetime
    incident_key: str | None = None
    html_url: str | None = None


class _Incidents(msgspec.Struct):
    incidents: list[_Incident]
    more: bool = False


class PagerDutyComplaints:
    """Lists incidents of a service by its id; that there is none does not say that no customer complains."""

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        self._api = JsonApi("PagerDuty", url, headers=headers, secrets=[token], seconds=seconds)

    def listen(self, service: Service, *, since: datetime) -> Listened | None:
        """Ask ``GET /incidents`` for those of every status that began since then, the oldest first."""
        if not service.pagerduty_service:
            return None
        asked = {
            "service_ids[]": service.pagerduty_service,
            "since": since.isoformat(),
            "sort_by": "created_at:asc",
            "limit": str(_PAGE),
        }
        answer = self._api.calls().ask("GET", f"/incidents?{urlencode(asked)}", into=_Incidents)
        return Listened(
            "incident",
            "PagerDuty",
            tuple(
                Complaint(
                    at=each.created_at,
                    url=each.html_url or "",
                    id=each.id,
                    key=each.incident_key or "",
                    open=each.status != "resolved",
                )
                for each in answer.incidents
            ),
            more=answer.more,
        )
