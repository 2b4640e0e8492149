"""GET, PUT, DELETE /freeze[/{scope}]: one word stops everything, a namespace or a team."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared import wire
from shared.bootstrap import Door
from shared.domain.records import GLOBAL, Freeze
from shared.engine.freezing import check_scope
from shared.errors import InvalidRequest
from shared.intake import bodies
from shared.settings.durations import Seconds

LONGEST = timedelta(days=366)
LONGEST_SCOPE = 300
_HINT = 'Like {"reason": "...", "until": "2026-03-02T18:00:00Z"}, or with "for": "2h"; else it has no end.'


class _Body(msgspec.Struct, forbid_unknown_fields=True, rename={"lasts": "for"}):
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    lasts: str | None = None


_DECODER = wire.decoder(_Body)


def _show(door: Door, request: Request, scope: str = "") -> Response:
    doors.admit(door, request, "read")
    freezes = door.freezer.current()
    if not scope:
        return answers.answer({"freezes": freezes})
    _check(scope)
    return answers.answer({"scope": scope, "freeze": freezes.get(scope)})


def _freeze(door: Door, request: Request, scope: str = GLOBAL) -> Response:
    by = doors.admit(door, request, "invoke")
    _check(scope)
    sent = edges.body(request)
    order = bodies.decoded(sent, _DECODER, hint=_HINT) if sent.strip() else _Body()
    until = _until(order, door.clock())
    return _told(scope, door.freezer.freeze(scope, by=by, reason=order.reason.strip(), until=until))


def _thaw(door: Door, request: Request, scope: str = GLOBAL) -> Response:
    doors.admit(door, request, "invoke")
    _check(scope)
    return answers.answer({"scope": scope, "thawed": door.freezer.thaw(scope)})


def _told(scope: str, freeze: Freeze) -> Response:
    return answers.answer({"scope": scope, **wire.to_builtins(freeze)})


def _check(scope: str) -> None:
    if len(scope) > LONGEST_SCOPE:
        raise InvalidRequest(f"The scope is longer than {LONGEST_SCOPE} characters.")
    check_scope(scope)


def _until(order: _Body, now: datetime) -> datetime | None:
    """Return when the freeze ends; raises InvalidRequest for an end that is past, too far, or said twice."""
    until = order.until
    if order.lasts is not None:
        if until is not None:
            raise InvalidRequest("Give either `until` or `for`, and not both.")
        try:
            until = now + min(timedelta(seconds=Seconds.parse(order.lasts)), LONGEST * 2)
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{error} - at `$.for`.") from error
    if until is not None and not now < until <= now + LONGEST:
        raise InvalidRequest(f"A freeze ends in the future, at most {LONGEST.days} days from now.")
    return until


_ROUTES = Map(
    [
        Rule(path, endpoint=call, methods=[method])
        for path in ("/freeze", "/freeze/<path:scope>")
        for method, call in (("GET", _show), ("PUT", _freeze), ("DELETE", _thaw))
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Tell the freezes in force, set one, or lift one."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
