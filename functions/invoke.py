"""POST /invoke: orders by people and CI, and what would come of one (`dry_run`)."""

from functools import partial
from uuid import uuid4

from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges, rehearsing
from shared import bootstrap
from shared.bootstrap import Door, Engine
from shared.domain.response import Order
from shared.domain.services import Service
from shared.engine import accepting
from shared.engine.sorting import target
from shared.errors import InvalidRequest
from shared.intake import invoke
from shared.intake.invoke import Invocation

SOURCE = "invoke"
LONGEST_KEY = 200


def _ordered(door: Door, request: Request, *, engine: Engine | None = None) -> Response:
    by = doors.admit(door, request, "invoke")
    sent = invoke.parse(edges.body(request))
    service = _target(door, sent)
    ordered = accepting.Request(
        service=service,
        source=SOURCE,
        key=f"{by}/{_key(request)}/{service.workload}",
        keyed_by_id=True,
        order=Order(
            wanted=sent.wanted,
            by=by,
            at=door.clock(),
            reason=sent.reason,
            requested_by=sent.requested_by,
            to_revision=sent.to_revision,
            replicas=sent.replicas,
            override=sent.override,
            commit=sent.commit,
        ),
        signals=sent.signals or {},
    )
    if sent.dry_run:
        return answers.answer(rehearsing.rehearsed(engine or bootstrap.deployed_engine(), ordered))
    return answers.accepted(SOURCE, door.accepter.accept([ordered]))


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > LONGEST_KEY:
        raise InvalidRequest(f"The Idempotency-Key is longer than {LONGEST_KEY} characters.")
    return key or uuid4().hex


def _target(door: Door, sent: Invocation) -> Service:
    found = target(door.catalogue, service=sent.service, workload=sent.workload)
    if found is not None:
        return found
    if sent.service:
        known = ", ".join(sorted(service.name for service in door.settings.services)) or "none"
        raise InvalidRequest(
            f"No service is named {sent.service[:60]!r}; known are {known}. "
            "A workload without an entry is named by `workload`."
        )
    raise InvalidRequest(
        f"{sent.workload[:200]!r} is no service's workload; without an entry its namespace must be in "
        "guardrails.namespaces."
    )


def _routes(engine: Engine | None) -> Map:
    call = partial(_ordered, engine=engine)
    return Map([Rule(path, endpoint=call, methods=["POST"]) for path in ("/", "/invoke")])


_ROUTES = _routes(None)


def respond(door: Door, request: Request, engine: Engine | None = None) -> Response:
    """Accept an order: 202 with what became of it; of a dry run 200 with the plan, and nothing stored.

    `engine` looks at the world for a dry run; the deployed function makes one when it is first needed.
    """
    return edges.routed(_routes(engine) if engine else _ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
