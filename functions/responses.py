"""Responses: GET /responses[/{id}[/report]], and people's word on them.

The latter is POST /responses/{id}/approve, /abort, /acknowledge, /resume, /restore-flags, /complaints,
/no-complaints or /meeting.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial

import msgspec
from flask import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared import wire
from shared.bootstrap import Door
from shared.bootstrap.channels import zone_of
from shared.domain import aftercare, checklist, complaints, meetings, remedies
from shared.domain.reasons import sentence
from shared.domain.remedies import Remedy
from shared.domain.response import Word
from shared.engine.joining import Said
from shared.errors import InvalidRequest
from shared.intake import bodies
from shared.messages.report import report
from shared.ports import State

MOST_LISTED = 100
LONGEST_ID = 100
FURTHEST = timedelta(days=366)


class _Word(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""
    choice: Remedy | None = None


_NOT_ASKED = {
    "approve": "asks nothing now, or offers several remedies: say by `choice` which",
    "resume": "runs, or has left no owner stopped",
    "restore-flags": "runs: its flags are switched after its end",
    complaints.SOME: "runs: complaints count after its end",
    complaints.NONE: "runs: complaints count after its end",
}
_DECODER = wire.decoder(_Word)


class _Meeting(msgspec.Struct, forbid_unknown_fields=True):
    at: str = ""
    cancel: bool = False
    reason: str = ""


_MEETING_DECODER = wire.decoder(_Meeting)
_MEETING_HINT = 'It is {"at": "2026-03-03T10:00"} or {"cancel": true}.'


def _list(door: Door, request: Request) -> Response:
    doors.admit(door, request, "read")
    day = request.args.get("day") or door.clock().date().isoformat()
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise InvalidRequest(f"`day` is YYYY-MM-DD (UTC); not {day[:20]!r}.") from error
    service = request.args.get("service", "")
    states = door.records.recent(day, service=service, limit=MOST_LISTED)
    return answers.answer({"day": day, "responses": [_summary(state) for state in states]})


def _show(door: Door, request: Request, response_id: str) -> Response:
    doors.admit(door, request, "read")
    state = _state(door, response_id)
    response = state.response
    events, tasks = door.records.events(response_id), door.records.tasks(response_id)
    still = aftercare.still_stopped(response, {task.name: task for task in tasks})
    told = wire.to_builtins(response) | {
        "workload": str(response.workload),
        "cluster": response.workload.cluster,
        "reason_text": sentence(response.reason) if response.reason else None,
        "due_at": state.due_at,
        "version": state.version,
        "events": events,
        "tasks": tasks,
        "flags_off": aftercare.flags_off(tasks),
        "meeting": meetings.meeting(tasks),
        "still_suspended": [str(response.suspended)] if still else [],
        "checklist": checklist.checklist(response, events, tasks),
        "logs": checklist.logs(tasks),
    }
    return answers.answer(told)


def _report(door: Door, request: Request, response_id: str) -> Response:
    doors.admit(door, request, "read")
    response = _state(door, response_id).response
    events, tasks = door.records.events(response_id), door.records.tasks(response_id)
    told = report(response, events, tasks, links=door.settings.links)
    return Response(told, mimetype="text/markdown")


def _say(door: Door, request: Request, response_id: str, *, verb: str) -> Response:
    by = doors.admit(door, request, "invoke")
    sent = edges.body(request)
    word = bodies.decoded(sent, _DECODER, hint='It is {"reason": "..."}.') if sent.strip() else _Word()
    chosen = remedies.question(word.choice) if word.choice is not None else None
    return _heard(door, response_id, Word(verb, by, door.clock(), word.reason, chosen or ""))


def _meet(door: Door, request: Request, response_id: str) -> Response:
    by = doors.admit(door, request, "invoke")
    sent = bodies.decoded(edges.body(request), _MEETING_DECODER, hint=_MEETING_HINT)
    if sent.cancel == bool(sent.at):
        raise InvalidRequest(f"One of `at` and `cancel` is needed. {_MEETING_HINT}")
    response = _state(door, response_id).response
    tasks = door.records.tasks(response_id)
    if meetings.meeting(tasks) is None or (sent.cancel and not meetings.planned(tasks)):
        return answers.problem(409, f"Response {response_id} has invited nobody to a meeting of its own.")
    at = "" if sent.cancel else _moment(sent.at, zone_of(door.settings, response.team), door.clock())
    verb = meetings.CANCEL if sent.cancel else meetings.MOVE
    return _heard(door, response_id, Word(verb, by, door.clock(), sent.reason, at))


def _moment(text: str, zone: tzinfo, now: datetime) -> str:
    """Return a time in UTC as ISO says it; one without an offset is on the team's clock."""
    try:
        at = datetime.fromisoformat(text)
        local = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        utc = local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"`at` is a time, like 2026-03-03T10:00; not {text[:40]!r}.") from error
    if utc.astimezone(local.tzinfo) != local or not now < utc < now + FURTHEST:
        raise InvalidRequest(f"`at` is a time within a year from now that there is; not {text[:40]}.")
    return utc.isoformat()


def _heard(door: Door, response_id: str, word: Word) -> Response:
    _check(response_id)
    verb, by = word.verb, word.by
    said = door.listener.say(
        response_id, verb, by=by, reason=word.reason.strip()[:1000], question=word.question or None
    )
    match said:
        case Said.UNKNOWN:
            raise _unknown(response_id)
        case Said.ENDED:
            why = "has left no owner stopped" if verb == "resume" else "has ended"
            return answers.problem(409, f"Response {response_id} {why}.")
        case Said.NOT_ASKED:
            why = _NOT_ASKED.get(verb, "asks nothing now")
            return answers.problem(409, f"Response {response_id} {why}.")
    return answers.answer(
        {"response_id": response_id, "word": verb, "by": by, "repeated": said is Said.REPEATED}, 202
    )


def _state(door: Door, response_id: str) -> State:
    _check(response_id)
    state = door.records.read(responses=[response_id]).states.get(response_id)
    if state is None:
        raise _unknown(response_id)
    return state


def _check(response_id: str) -> None:
    if len(response_id) > LONGEST_ID:
        raise _unknown(response_id)


def _unknown(response_id: str) -> NotFound:
    return NotFound(f"There is no response {response_id[:LONGEST_ID]}.")


def _summary(state: State) -> dict[str, object]:
    response, choice = state.response, state.response.choice
    return {
        "id": response.id,
        "service": response.service,
        "workload": str(response.workload),
        "phase": response.phase,
        "outcome": None if response.live else response.phase,
        "reason": response.reason,
        "reason_text": sentence(response.reason) if response.reason else None,
        "severity": response.decision.severity,
        "score": response.decision.score,
        "started_at": response.started_at,
        "ended_at": response.ended_at,
        "from_image": choice.from_image if choice else None,
        "to_image": choice.to_image if choice else None,
    }


_ROUTES = Map(
    [
        Rule("/responses", endpoint=_list, methods=["GET"]),
        Rule("/responses/<response_id>", endpoint=_show, methods=["GET"]),
        Rule("/responses/<response_id>/report", endpoint=_report, methods=["GET"]),
        Rule("/responses/<response_id>/meeting", endpoint=_meet, methods=["POST"]),
        *(
            Rule(f"/responses/<response_id>/{verb}", endpoint=partial(_say, verb=verb), methods=["POST"])
            for verb in (
                "approve",
                "abort",
                "acknowledge",
                "resume",
                "restore-flags",
                complaints.SOME,
                complaints.NONE,
            )
        ),
    ]
)


def respond(door: Door, request: Request) -> Response:
    """List a day's responses, show one with its history, or take a person's word on it."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
