"""GET, DELETE /gates/{service}: may the service be deployed? Any pipeline can ask before it does.

A rollback closes the gate, so that the version that was rolled away from is not deployed again before
somebody has looked; a person opens it. It is no state of its own: the workload's record says which response
rolled it back last, and that response's history whether somebody has opened the gate since.
"""

from typing import Annotated

import msgspec
from flask import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared.bootstrap import Door
from shared.domain.records import Restored
from shared.domain.services import Service
from shared.engine.joining import Said
from shared.intake import bodies
from shared.wire import decoder

VERB = "ungate"
LONGEST_NAME = 200


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_DECODER = decoder(_Body)


def _ask(door: Door, request: Request, service: str) -> Response:
    doors.admit(door, request, "read")
    entry = _entry(door, service)
    closing = _closing(door, entry)
    if closing is None:
        return answers.answer({"service": entry.name, "gate": "open"})
    told = f"response {closing.response_id} rolled it back at {closing.at:%Y-%m-%d %H:%M:%S}Z"
    return answers.problem(
        423, f"{entry.name} is not to be deployed: {told}. `backout ungate {entry.name}` opens the gate."
    )


def _open(door: Door, request: Request, service: str) -> Response:
    by = doors.admit(door, request, "invoke")
    entry = _entry(door, service)
    sent = edges.body(request)
    body = bodies.decoded(sent, _DECODER, hint='It is {"reason": "..."}.') if sent.strip() else _Body()
    closing = _closing(door, entry)
    opened = closing is not None and (
        door.listener.say(closing.response_id, VERB, by=by, reason=body.reason.strip()) is Said.TAKEN
    )
    return answers.answer({"service": entry.name, "gate": "open", "opened": opened})


def _closing(door: Door, service: Service) -> Restored | None:
    """Return the rollback that keeps the gate closed, None where it is open.

    A rollback whose response is not to be found keeps it closed: nobody can have opened it.
    """
    ref = service.workload
    restored = door.records.read(workloads=[ref]).workloads[ref].value.restored
    if restored is None:
        return None
    state = door.records.read(responses=[restored.response_id]).states.get(restored.response_id)
    opened = state is not None and state.response.heard.word(VERB) is not None
    return None if opened else restored


def _entry(door: Door, name: str) -> Service:
    entry = door.catalogue.named(name[:LONGEST_NAME])
    if entry is None:
        known = ", ".join(sorted(service.name for service in door.settings.services)) or "none"
        raise NotFound(f"No service is named {name[:60]!r}; known are {known}.")
    return entry


_ROUTES = Map(
    [
        Rule("/gates/<service>", endpoint=call, methods=[method])
        for method, call in (("GET", _ask), ("DELETE", _open))
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Say whether a service may be deployed, or open its gate."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
