"""POST /github: GitHub's webhook, by which deployments ask whether they may go on, and fixes are told of.

GitHub waits 10 s for an answer and sends nothing again by itself, so that the question is stored before the
202; a task answers it. What is valid and not for us is 202.
"""

from dataclasses import asdict, replace
from itertools import chain

from flask import Request, Response
from werkzeug.exceptions import Unauthorized
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges, pressing
from shared.bootstrap import Door
from shared.domain.response import Task
from shared.errors import ConfigurationError, InvalidRequest
from shared.intake import github, signatures
from shared.intake.github import Merged, Waiting
from shared.ports import Versioned
from shared.tasks import fix, rule

LONGEST_ID = 100


def _notified(door: Door, request: Request) -> Response:
    body = edges.body(request)
    _admit(door, request, body)
    event = request.headers.get("X-GitHub-Event", "")
    if event == "ping":
        return answers.answer({"message": "Backout is here."})
    asked = _asked(door, event, body)
    if asked is None:
        return pressing.ignored(f"{event[:100]} asks nothing.")
    delivery = request.headers.get("X-GitHub-Delivery", "").strip()
    if not 0 < len(delivery) <= LONGEST_ID:
        raise InvalidRequest("Send the delivery's id in the header X-GitHub-Delivery.", status=400)
    _owe(door, asked, delivery)
    return answers.answer({"results": [], "asked": asked}, 202)


def _asked(door: Door, event: str, body: bytes) -> Waiting | Merged | None:
    """Return what an event asks, None where it asks nothing that is configured."""
    if event == github.PULL and door.settings.gate.fix_opens:
        return github.merged(body)
    if event != github.RULE:
        return None
    if door.settings.github is None:
        raise ConfigurationError("github is not configured, so no deployment can be answered: set it.")
    return github.waiting(body, url=door.settings.github.url)


def _admit(door: Door, request: Request, body: bytes) -> None:
    credential = door.settings.auth.github
    if credential is None:
        raise ConfigurationError("auth.github is not configured, so nobody can be let in: set it.")
    header = request.headers.get("X-Hub-Signature-256")
    if not doors.known(door, credential, lambda a: signatures.github(body, header, chain(*a.values()))):
        raise Unauthorized("X-Hub-Signature-256 does not sign this body with a secret of auth.github.")


def _owe(door: Door, asked: Waiting | Merged, delivery: str) -> None:
    """Owe the answer, once for each delivery; one that was given up is tried anew when it is sent again."""
    now = door.clock()
    kind = rule.KIND if isinstance(asked, Waiting) else fix.KIND
    key = f"github-{asked.repository.lower()}"
    task = Task(
        response_id=key,
        name=f"{kind}#{delivery}",
        kind=kind,
        due_at=now,
        facts=asdict(asked),
        created_at=now,
    )
    known = door.records.task(key, task.name)
    if known is None:
        door.records.put_task(Versioned(task, 0))
    elif known.value.due_at is None and not known.value.receipt:
        door.records.put_task(replace(known, value=replace(task, result=known.value.result)))


_ROUTES = Map([Rule(path, endpoint=_notified, methods=["POST"]) for path in ("/", "/github")])


def respond(door: Door, request: Request) -> Response:
    """Take an event: 202 once what it asks is stored; 401 for what GitHub has not signed."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
