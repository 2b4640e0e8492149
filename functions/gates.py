"""GET /gates, GET, DELETE /gates/{service}: may the service be deployed? Any pipeline can ask before it does.

A rollback closes the gate, so that the version that was rolled away from is not deployed again before
somebody has looked; a person opens it. What enforces it outside follows by tasks, and is listed.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from flask import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared.bootstrap import Door
from shared.domain import aftercare
from shared.domain.reasons import Reason
from shared.domain.response import Task
from shared.domain.services import Service
from shared.engine.gating import Gate
from shared.intake import bodies
from shared.wire import decoder

LONGEST_NAME = 200


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_DECODER = decoder(_Body)


def _list(door: Door, request: Request) -> Response:
    doors.admit(door, request, "read")
    services = door.settings.services
    gates = door.gates.looked([service.workload for service in services])
    told = [_told(door, each, gates[each.workload]) for each in services if each.workload in gates]
    return answers.answer({"gates": [each for each in told if each["gate"] != "open" or each["outside"]]})


def _told(door: Door, service: Service, gate: Gate) -> dict[str, object]:
    """Return how a gate stands, with all outside of it that is closed, or is not as it should be."""
    tasks = aftercare.barriers(door.records.tasks(gate.restored.response_id))
    state = aftercare.CLOSED if gate.closed else aftercare.OPEN
    return {
        "service": service.name,
        "gate": state,
        "response_id": gate.restored.response_id,
        "closed_at": gate.restored.at,
        "outside": list(_outside(tasks.values(), closed=gate.closed)),
    }


def _outside(tasks: Iterable[Task], *, closed: bool) -> Iterator[dict[str, object]]:
    """Yield each barrier but those that are open as the gate is, and those with nothing to close."""
    for task in tasks:
        state, _, place = task.receipt.partition(" ")
        if state == aftercare.OPEN and not (closed and place):
            continue
        yield {
            "barrier": task.facts["barrier"],
            "place": place,
            "state": state or "unsettled",
            "detail": task.result,
        }


def _ask(door: Door, request: Request, service: str) -> Response:
    doors.admit(door, request, "read")
    entry = _entry(door, service)
    closing = door.gates.closing([entry.workload]).get(entry.workload)
    if closing is None:
        return answers.answer({"service": entry.name, "gate": "open"})
    told = f"response {closing.response_id} rolled it back at {closing.at:%Y-%m-%d %H:%M:%S}Z"
    opens = f"`backout ungate {entry.name}` opens the gate."
    return answers.problem(423, f"{entry.name} is not to be deployed: {told} ({Reason.GATE_CLOSED}). {opens}")


def _open(door: Door, request: Request, service: str) -> Response:
    by = doors.admit(door, request, "invoke")
    entry = _entry(door, service)
    sent = edges.body(request)
    body = bodies.decoded(sent, _DECODER, hint='It is {"reason": "..."}.') if sent.strip() else _Body()
    closing = door.gates.closing([entry.workload]).get(entry.workload)
    opened = closing is not None and door.ungate(closing.response_id, by=by, reason=body.reason.strip())
    return answers.answer({"service": entry.name, "gate": "open", "opened": opened})


def _entry(door: Door, name: str) -> Service:
    entry = door.catalogue.named(name[:LONGEST_NAME])
    if entry is None:
        known = ", ".join(sorted(service.name for service in door.settings.services)) or "none"
        raise NotFound(f"No service is named {name[:60]!r}; known are {known}.")
    return entry


_ROUTES = Map(
    [
        *(Rule(path, endpoint=_list, methods=["GET"]) for path in ("/", "/gates")),
        *(
            Rule("/gates/<service>", endpoint=call, methods=[method])
            for method, call in (("GET", _ask), ("DELETE", _open))
        ),
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Say whether a service may be deployed, list what may not, or open a gate."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
