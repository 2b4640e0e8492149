"""GET /healthz, /readyz, /metrics: for load balancers and Prometheus."""

import logging

from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared.bootstrap import Door
from shared.errors import BackoutError

log = logging.getLogger("backout.http")


def _healthz(_door: Door, _request: Request) -> Response:
    return answers.answer({"status": "ok"})


def _readyz(door: Door, _request: Request) -> Response:
    """Tell whether the table answers; why it does not is for the log, since anyone may ask."""
    try:
        door.records.read(freezes=True)
    except BackoutError as error:
        log.warning("not ready: %s", error)
        return answers.problem(503, "The table does not answer; the log has why.", [("Retry-After", "2")])
    return answers.answer({"status": "ready"})


def _metrics(door: Door, request: Request) -> Response:
    doors.admit(door, request, "read")
    return Response(door.metrics.text(), mimetype="text/plain", headers={"Cache-Control": "no-store"})


_ROUTES = Map(
    [
        Rule("/healthz", endpoint=_healthz, methods=["GET"]),
        Rule("/readyz", endpoint=_readyz, methods=["GET"]),
        Rule("/metrics", endpoint=_metrics, methods=["GET"]),
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Tell whether the process lives, whether it can work, and what it has counted."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
