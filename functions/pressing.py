"""Pressing: what a button on one of PagerDuty's incidents does."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from flask import Response

from functions import answers, incidents
from shared import wire
from shared.bootstrap import Door
from shared.domain.response import Order, Wanted
from shared.domain.services import Service
from shared.engine import accepting
from shared.engine.accepting import Acceptance
from shared.intake import pagerduty
from shared.intake.pagerduty import Incident
from shared.intake.pagerduty_presses import Press
from shared.ports import State

FROZEN_FOR = timedelta(hours=1)


def done(door: Door, action: str, presses: Sequence[Press]) -> Response:
    """Do what was pressed and tell it; a press that is about no service, or several, changes nothing."""
    told = [_done(door, action, press) for press in presses]
    return told[0] if len(told) == 1 else answers.answer([one.get_json() for one in told], 202)


def _done(door: Door, action: str, press: Press) -> Response:
    services = _services(door, press)
    if not services:
        return ignored("No configured service is the incident's.")
    by = person(press.by)
    if action == "freeze":
        return _frozen(door, services, press, by=by)
    if action in {"approve", "abort"}:
        return said(door, incidents.live_of(door, services), action, by=by, reason=press.reason)
    if len(services) > 1:
        names = ", ".join(service.name for service in services)
        return ignored(f"The incident is about {names}; order it for one of them by POST /invoke.")
    return _ordered(door, Wanted(action), services[0], press, by=by)


def person(by: str) -> str:
    """Return how the history names who did it in PagerDuty; without an id it was PagerDuty."""
    return f"{pagerduty.SOURCE}:{by}" if by else pagerduty.SOURCE


def ignored(why: str) -> Response:
    """Return 202: it is valid and changes nothing."""
    return answers.answer({"results": [], "ignored": why}, 202)


def said(door: Door, states: Mapping[str, State], verb: str, *, by: str, reason: str = "") -> Response:
    """Say a word on the response of each service, by its name; 202 with what became of it."""
    words = [
        {
            "service": name,
            "response_id": state.response.id,
            "word": verb,
            "said": door.listener.say(state.response.id, verb, by=by, reason=reason).name.lower(),
        }
        for name, state in states.items()
    ]
    return answers.answer({"words": words}, 202) if words else ignored("Nothing runs for the incident.")


def _services(door: Door, press: Press) -> list[Service]:
    """Return the services that are meant; of several those whose live response knows the incident."""
    incident = Incident(
        press.incident_id, press.service_id, "", "", door.clock(), response_id=press.response_id
    )
    meant, _ = incidents.meant_by(door, incident)
    services = [one.service for one in meant]
    if len(services) < 2:
        return services
    live = incidents.live_of(door, services)
    known = [
        service
        for service in services
        if service.name in live
        and live[service.name].response.heard.references.get(pagerduty.REFERENCE) == press.incident_id
    ]
    return known or services


def _ordered(door: Door, wanted: Wanted, service: Service, press: Press, *, by: str) -> Response:
    """Order it; a rollback that is being held is not held any longer."""
    now = door.clock()
    told = f"the button on incident {press.incident_id}"
    request = accepting.Request(
        service=service,
        source=pagerduty.SOURCE,
        key=f"{wanted}/{press.id or _content(press)}/{service.workload}",
        keyed_by_id=bool(press.id),
        order=Order(
            wanted=wanted,
            by=by,
            at=now,
            reason=f"{told}: {press.reason}" if press.reason else told,
            requested_by=press.name,
        ),
        references={pagerduty.REFERENCE: press.incident_id},
    )
    results = door.accepter.accept([request])
    for result in results:
        if wanted is Wanted.ROLLBACK and result.outcome is Acceptance.JOINED:
            door.listener.say(result.response_id, "now", by=by, reason=told)
    return answers.accepted(pagerduty.SOURCE, results)


def _content(press: Press) -> str:
    return hashlib.sha256(wire.encode(press)).hexdigest()


def _frozen(door: Door, services: Sequence[Service], press: Press, *, by: str) -> Response:
    """Freeze the services' teams, or their namespaces, for an hour; a freeze that lasts longer stays."""
    until = door.clock() + FROZEN_FOR
    scopes = {f"team/{s.team}" if s.team else f"namespace/{s.workload.namespace}" for s in services}
    current = door.freezer.current()
    for scope in sorted(scopes):
        known = current.get(scope)
        if known is None or (known.until is not None and known.until < until):
            reason = press.reason or f"the button on incident {press.incident_id}"
            door.freezer.freeze(scope, by=by, reason=reason, until=until)
    return answers.answer({"frozen": sorted(scopes), "until": until}, 202)
