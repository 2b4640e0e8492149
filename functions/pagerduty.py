"""POST /pagerduty: PagerDuty's V3 webhooks. POST /pagerduty/actions/{action}: the buttons on an incident.

PagerDuty drops what is answered with a 4xx and disables a subscription after three of those, so what is
valid and not for us is 202. What fails for a reason that passes is 503, which it sends again for 48 hours.
"""

from dataclasses import replace
from itertools import chain
from typing import Literal

from flask import Request, Response
from werkzeug.exceptions import Unauthorized
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges, incidents, pressing
from functions.incidents import Meant
from shared.bootstrap import Door
from shared.domain.alerts import Alert
from shared.engine import accepting, joining
from shared.engine.accepting import Acceptance, Answer
from shared.errors import ConfigurationError
from shared.intake import credentials, pagerduty, pagerduty_presses, signatures
from shared.intake.pagerduty import Incident, Notification, Turn
from shared.settings import Credential

ACTIONS = ("rollback", "scale", "flush", "approve", "abort", "freeze")
SECRET_HEADER = "X-Backout-Secret"  # noqa: S105 its name, not its value
LONGEST_ID = 200


def _notified(door: Door, request: Request) -> Response:
    body = edges.body(request)
    header = request.headers.get("X-PagerDuty-Signature")
    credential = _credential(door, "pagerduty")
    if not doors.known(door, credential, lambda a: signatures.pagerduty(body, header, chain(*a.values()))):
        raise Unauthorized("X-PagerDuty-Signature does not sign the body with a secret of auth.pagerduty.")
    sent = pagerduty.parse(body)
    ours = sent.incident is not None and bool(sent.incident.response_id)
    match sent:
        case Notification(turn=Turn.PING):
            return answers.answer({"message": "Backout is here."})
        case Notification(turn=Turn.OPENED | Turn.RESOLVED) if ours:
            return pressing.ignored("The incident is a page of Backout's own.")
        case Notification(turn=Turn.OPENED, incident=Incident() as incident):
            return _reported(door, incident, key=_key(request, sent), firing=True)
        case Notification(turn=Turn.RESOLVED, incident=Incident() as incident):
            return _reported(door, incident, key=_key(request, sent), firing=False)
        case Notification(turn=Turn.ACKNOWLEDGED, incident=Incident() as incident):
            return _acknowledged(door, incident, by=sent.by)
    return pressing.ignored(f"{sent.event_type[:100]} says nothing that changes a response.")


def _reported(door: Door, incident: Incident, *, key: str, firing: bool) -> Response:
    """Accept an incident that fires or has been resolved, for each workload that it is about."""
    meant, reasons = incidents.meant_by(door, incident, numbers=firing)
    requests = [_request(one, incident, key=key, firing=firing) for one in meant]
    results = door.accepter.accept(requests) if requests else []
    ignored = [Answer(Acceptance.IGNORED, reason) for reason in reasons]
    return answers.accepted(pagerduty.SOURCE, [*results, *ignored])


def _request(meant: Meant, incident: Incident, *, key: str, firing: bool) -> accepting.Request:
    return accepting.Request(
        service=meant.service,
        source=pagerduty.SOURCE,
        key=f"{key}/{meant.service.workload}",
        keyed_by_id=True,
        alerts=(pagerduty.alert_of(incident, meant.alerts),) if firing else _resolved(incident),
        signals=joining.worst(meant.alerts, {}) if firing else {},
    )


def _resolved(incident: Incident) -> tuple[Alert, ...]:
    """Return the firings that have ended: a reopened incident's first, too."""
    first = replace(incident, reopened_at=None)
    return tuple(replace(pagerduty.alert_of(i), firing=False) for i in dict.fromkeys((first, incident)))


def _acknowledged(door: Door, incident: Incident, *, by: str) -> Response:
    """Put the acknowledgement down on the responses that the incident is about, ended ones too.

    Our own, by the configured user, is none. One of a page of ours is about that page's response.
    """
    if by and _is_ours(door, by):
        return pressing.ignored("The acknowledgement is Backout's own.")
    meant, _ = incidents.meant_by(door, incident)
    if incident.response_id:
        states = door.records.read(responses=[incident.response_id]).states
        told = {state.response.service: state for state in states.values()}
    else:
        told = incidents.latest_of(door, [one.service for one in meant], incident.id)
    return pressing.said(door, told, "acknowledge", by=pressing.person(by))


def _is_ours(door: Door, user_id: str) -> bool:
    """Return whether a user is the one in whose name Backout acknowledges, where it does."""
    configured = door.settings.pagerduty
    if configured is None or not configured.acknowledge:
        return False
    source = incidents.reading(door)
    return source is not None and source.email_of(user_id) == configured.sender.lower()


def _pressed(door: Door, request: Request, action: str) -> Response:
    body = edges.body(request)
    secret = request.headers.get(SECRET_HEADER, "")
    credential = _credential(door, "pagerduty_actions")
    if doors.known(door, credential, lambda a: credentials.who(f"Bearer {secret}", a)) is None:
        raise Unauthorized(f"Send a secret of auth.pagerduty_actions in the header {SECRET_HEADER}.")
    presses = pagerduty_presses.parse(body)
    if not presses:
        return pressing.ignored(f"It holds no {pagerduty_presses.EVENT}.")
    return pressing.done(door, action, presses)


def _credential(door: Door, name: Literal["pagerduty", "pagerduty_actions"]) -> Credential:
    credential: Credential | None = getattr(door.settings.auth, name)
    if credential is None:
        raise ConfigurationError(f"auth.{name} is not configured, so nobody can be let in: set it.")
    return credential


def _key(request: Request, sent: Notification) -> str:
    """Return what every repeat of the webhook carries: its id, else that of the event."""
    told = request.headers.get("X-Webhook-Id", "").strip()
    return told if 0 < len(told) <= LONGEST_ID else sent.id


_ROUTES = Map(
    [
        *(Rule(path, endpoint=_notified, methods=["POST"]) for path in ("/", "/pagerduty")),
        *(
            Rule(f"{path}/actions/<any({', '.join(ACTIONS)}):action>", endpoint=_pressed, methods=["POST"])
            for path in ("", "/pagerduty")
        ),
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Accept an event of an incident, or what someone pressed on it."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
