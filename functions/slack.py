"""POST /slack: presses of the buttons in Slack, each a person's word on a response.

Slack waits 3 s for an answer and shows the person who pressed a warning when there is none, or an error. What
there is to say to that person goes to the press's response URL; everyone else sees the message change.
"""

import logging
import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import Unauthorized
from werkzeug.routing import Map, Rule

from functions import doors, edges
from shared.bootstrap import Door
from shared.domain.response import Response as Run
from shared.domain.response import Word
from shared.engine.joining import Said
from shared.errors import ConfigurationError, TemporaryError
from shared.intake import signatures, slack
from shared.intake.credentials import Accepted
from shared.intake.slack import Challenge, Press

if TYPE_CHECKING:
    from shared.adapters.slack import SlackGroups

log = logging.getLogger("backout.http")

USER_GROUP = "S"
"""What the id of a user group begins with; those of users begin with U or W."""

_WORDS = {"approve": "yes", "now": "roll back now", "abort": "stop"}


def _interacted(door: Door, request: Request) -> Response:
    body = edges.body(request)
    _admit(door, request, body)
    sent = slack.parse(body)
    match sent:
        case Challenge(text):
            return Response(text, mimetype="text/plain")
        case Press():
            _pressed(door, sent)
        case _:
            log.info("slack: %s is answered, and no more", sent.kind[:60])
    return Response(status=200)


def _admit(door: Door, request: Request, body: bytes) -> None:
    """Raise Unauthorized unless the body is signed by one of our apps, and lately."""
    credential = door.settings.auth.slack
    if credential is None:
        raise ConfigurationError("auth.slack is not configured, so no press can be taken: set it.")
    at, header = request.headers.get("X-Slack-Request-Timestamp"), request.headers.get("X-Slack-Signature")

    def signed(accepted: Accepted) -> bool:
        return signatures.slack(body, at, header, chain(*accepted.values()), door.clock())

    if not doors.known(door, credential, signed):
        raise Unauthorized(
            "X-Slack-Signature does not sign this body with a secret of auth.slack, or is old."
        )


def _pressed(door: Door, press: Press) -> None:
    try:
        told = _said(door, press)
    except TemporaryError:
        _answer(press, "That could not be taken just now: nothing has changed. Press again in a moment.")
        raise
    if told:
        _answer(press, told)


def _said(door: Door, press: Press) -> str:
    """Say the word of a press, if the presser may; return what to tell that person alone, if anything."""
    run = _run(door, press.response_id)
    if run is None:
        return f"There is no response {press.response_id[:100]} any more."
    if not _may(door, run.team, press.user):
        log.warning("slack: %s is no approver of team %s", press.by, run.team or "(none)")
        door.listener.refuse(run.id, press.verb, by=press.by)
        return _refusal(run.team)
    said = door.listener.say(run.id, press.verb, by=press.by, question=press.question)
    log.info("slack: %s by %s on %s: %s", press.verb, press.by, run.id, said.name)
    if said is Said.TAKEN:
        return ""
    return _why_not(_run(door, run.id) or run, press, said)


def _run(door: Door, response_id: str) -> Run | None:
    state = door.records.read(responses=[response_id]).states.get(response_id)
    return state.response if state else None


def _may(door: Door, team: str, user: str) -> bool:
    """Return whether the user is an approver of the team, by name or by a user group."""
    known = door.settings.teams.get(team)
    approvers = known.approvers if known else ()
    if user in approvers:
        return True
    groups = [approver for approver in approvers if approver.startswith(USER_GROUP)]
    configured = door.settings.slack
    if not groups or configured is None:
        return False
    return _groups(door.secrets.value(configured.token), configured.url).holds(user, groups)


@lru_cache(maxsize=4)
def _groups(token: str, url: str) -> "SlackGroups":
    """Return the user groups of a workspace, which it keeps for a minute."""
    from shared.adapters.slack import SlackGroups

    return SlackGroups(token, url)


def _answer(press: Press, text: str) -> None:
    from shared.adapters.slack import answer_press

    if press.response_url:
        answer_press(press.response_url, text)


def _refusal(team: str) -> str:
    where = f"teams.{team}.slack.approvers" if team else "a team's slack.approvers"
    return f"You may not answer for this service, so nothing has changed. Who may is listed in {where}."


def _why_not(run: Run, press: Press, said: Said) -> str:
    """Return why a word changed nothing: whose was first, or that it is not asked for any more."""
    if said is Said.ENDED:
        return f"It has ended already: {run.phase}."
    first = _first(run, press)
    if first is not None and first.by == press.by:
        return f"You have said {_WORDS[first.verb]} already, at {first.at:%H:%M:%S} UTC."
    if first is not None:
        return f"{_mention(first.by)} was first, at {first.at:%H:%M:%S} UTC: {_WORDS[first.verb]}."
    return "That is not asked any more: the message shows what is."


def _first(run: Run, press: Press) -> Word | None:
    """Return the word that stands instead of this press: a stop, else an answer to the same question."""
    words = run.heard.words
    stop = next((word for word in words if word.verb == "abort"), None)
    if stop is not None or press.verb == "abort":
        return stop
    return next((w for w in words if w.verb in _WORDS and w.question == press.question), None)


def _mention(by: str) -> str:
    """Return who said a word, as Slack shows a person where it was someone in Slack."""
    found = re.match(r"slack:([A-Z0-9]+)\b", by)
    return f"<@{found[1]}>" if found else by.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_ROUTES = Map([Rule(path, endpoint=_interacted, methods=["POST"]) for path in ("/", "/slack")])


def respond(door: Door, request: Request) -> Response:
    """Take a press: 200 once the word is stored, whoever it was by; 401 for what Slack has not signed."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
