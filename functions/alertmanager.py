"""POST /alertmanager: Alertmanager's webhook, and Grafana's look-alike."""

import logging
from functools import partial

from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared.bootstrap import Door
from shared.engine.sorting import requests_of
from shared.intake import alertmanager

log = logging.getLogger("backout.http")


def _notified(door: Door, request: Request) -> Response:
    doors.admit(door, request, "alertmanager", basic=True)
    sent = alertmanager.parse(edges.body(request), signals_by_alert=door.settings.signals_by_alert)
    if sent.truncated:
        log.warning("%s left out %d alerts of group %s", sent.source, sent.truncated, sent.group_key)
    requests, ignored = requests_of(
        door.catalogue, sent.source, sent.alerts, key_of=partial(alertmanager.delivery_key, sent)
    )
    results = door.accepter.accept(requests) if requests else []
    return answers.accepted(sent.source, [*results, *ignored])


_ROUTES = Map([Rule(path, endpoint=_notified, methods=["POST"]) for path in ("/", "/alertmanager")])


def respond(door: Door, request: Request) -> Response:
    """Accept a notification: 202 with what became of each workload, once that is stored."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
