"""Incidents: which services one of PagerDuty's is about, and what its alerts say of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from shared.bootstrap import Door
from shared.domain.alerts import Alert
from shared.domain.reasons import Reason
from shared.domain.services import Service
from shared.engine.sorting import requests_of
from shared.errors import BackoutError
from shared.intake import pagerduty, pagerduty_alerts
from shared.intake.pagerduty import Incident
from shared.ports import State

if TYPE_CHECKING:
    from shared.adapters.pagerduty.reading import PagerDutyIncidents

log = logging.getLogger("backout.http")

_KEPT = 4


@dataclass(frozen=True)
class Meant:
    """A service that an incident is about, and its alerts that say so; none where the id alone does."""

    service: Service
    alerts: tuple[Alert, ...] = ()


def meant_by(
    door: Door, incident: Incident, *, numbers: bool = False
) -> tuple[tuple[Meant, ...], tuple[Reason, ...]]:
    """Return the services that an incident is about, and the reasons why alerts of it are about none.

    The one service that is configured with the incident's PagerDuty service is meant. Where none or several
    are, the labels of the incident's alerts tell, which are asked for while the webhook waits: that may
    raise TemporaryError. With `numbers` they are asked for in any case, and done without if need be. A page
    of our own is about the service of its response.
    """
    if incident.response_id:
        paged = _of_response(door, incident.response_id)
        return (paged, ()) if paged else ((), (Reason.UNKNOWN_SERVICE,))
    by_id = _by_id(door, incident.service_id)
    if len(by_id) == 1 and not numbers:
        return (Meant(by_id[0]),), ()
    alerts = _alerts(door, incident, needed=len(by_id) != 1)
    requests, ignored = requests_of(door.catalogue, pagerduty.SOURCE, alerts, key_of=_no_key)
    reasons = tuple(answer.reason for answer in ignored if answer.reason)
    told = {request.service.workload: Meant(request.service, request.alerts) for request in requests}
    if len(by_id) == 1:
        if alerts and all(_elsewhere(door, alert) for alert in alerts):
            return (), (Reason.OTHER_CLUSTER,)
        known = told.get(by_id[0].workload)
        return (Meant(by_id[0], known.alerts if known else ()),), ()
    among = {service.workload for service in by_id}
    found = tuple(meant for ref, meant in told.items() if not among or ref in among)
    return found, () if found else reasons or (Reason.UNKNOWN_SERVICE,)


def live_of(door: Door, services: Sequence[Service]) -> dict[str, State]:
    """Return the live responses of services, by the service's name."""
    if not services:
        return {}
    records = door.records.read(workloads=[service.workload for service in services]).workloads
    live = {s.name: records[s.workload].value.live for s in services}
    states = door.records.read(responses=[i for i in live.values() if i]).states if any(live.values()) else {}
    return {
        name: states[identifier]
        for name, identifier in live.items()
        if identifier and identifier in states and states[identifier].response.live
    }


def latest_of(door: Door, services: Sequence[Service], incident: str) -> dict[str, State]:
    """Return the live responses of services, else the last one that ended, if the incident is about that."""
    live = live_of(door, services)
    rest = [s for s in services if s.name not in live]
    if not rest:
        return live
    records = door.records.read(workloads=[s.workload for s in rest]).workloads
    last = {s.name: past[-1].id for s in rest if (past := records[s.workload].value.responses)}
    states = door.records.read(responses=list(last.values())).states if last else {}
    ended = {
        name: states[id_]
        for name, id_ in last.items()
        if id_ in states and states[id_].response.heard.references.get(pagerduty.REFERENCE) == incident
    }
    return {**live, **ended}


def reading(door: Door) -> "PagerDutyIncidents | None":
    """Return what reads PagerDuty's REST API, kept for the next time; None without a token."""
    configured = door.settings.pagerduty
    if configured is None:
        return None
    return _reading(configured.url, door.secrets.value(configured.token))


@lru_cache(maxsize=_KEPT)
def _reading(url: str, token: str) -> "PagerDutyIncidents":
    from shared.adapters.pagerduty.reading import PagerDutyIncidents

    return PagerDutyIncidents(url, token)


def _by_id(door: Door, service_id: str) -> list[Service]:
    """Return the services of a PagerDuty service; several entries of one workload are one."""
    entries = [s for s in door.settings.services if service_id and s.pagerduty_service == service_id]
    return list({s.workload: s for s in sorted(entries, key=lambda s: s.name, reverse=True)}.values())


def _of_response(door: Door, response_id: str) -> tuple[Meant, ...]:
    state = door.records.read(responses=[response_id]).states.get(response_id)
    if state is None:
        return ()
    service = door.catalogue.of(state.response.service, state.response.workload)
    return (Meant(service),) if service else ()


def _alerts(door: Door, incident: Incident, *, needed: bool) -> list[Alert]:
    try:
        source = reading(door)
        told = source.alerts_of(incident.id) if source else ()
    except BackoutError as error:
        if needed:
            raise
        log.warning("incident %s goes on without its alerts' numbers: %s", incident.id, error)
        return []
    return pagerduty_alerts.read(told, incident, signals_by_alert=door.settings.signals_by_alert)


def _elsewhere(door: Door, alert: Alert) -> bool:
    return (alert.labels.get("cluster") or door.catalogue.cluster) != door.catalogue.cluster


def _no_key(_alerts: Sequence[Alert]) -> str:
    return ""
