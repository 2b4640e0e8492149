"""GET and POST /decide/{token}: an approval link. To see the page changes nothing; its form decides.

Scanners of mail and chat follow every link, so only a POST may act. The token is the credential: the page is
kept by no cache, and its address is passed on to nobody.
"""

from datetime import UTC, tzinfo
from http import HTTPStatus
from zoneinfo import ZoneInfo

from flask import Request, Response
from werkzeug.routing import Map, Rule

from functions import answers, doors, edges
from shared.bootstrap import Door
from shared.domain import response as responses
from shared.domain.response import Step, Word
from shared.engine.joining import Said
from shared.errors import BackoutError, ConfigurationError
from shared.intake import links
from shared.intake.links import Link
from shared.messages import pages
from shared.ports import State
from shared.settings import Credential

MOST_FORM_BYTES = 10_000
LONGEST_REASON = 500

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": pages.POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def _shown(door: Door, _request: Request, token: str) -> Response:
    """Show the question, or why it can no longer be answered; HEAD and GET write nothing."""
    try:
        link = _read(door, token)
        if isinstance(link, Response):
            return link
        state = _standing(door, link)
        if isinstance(state, Response):
            return state
    except BackoutError as error:
        return _trouble(error)
    asked = pages.Asked(
        to=link.to,
        expires_at=link.expires_at,
        yes=link.allows("approve"),
        no=link.allows("abort"),
        zone=_zone(door, state),
    )
    return _page(pages.question(state.response, asked, door.clock()), HTTPStatus.OK)


def _decided(door: Door, request: Request, token: str) -> Response:
    """Record the answer that the form gives, and show what has been recorded."""
    request.max_content_length = MOST_FORM_BYTES
    verb, reason = request.form.get("verb", ""), request.form.get("reason", "").strip()[:LONGEST_REASON]
    try:
        link = _read(door, token)
        if isinstance(link, Response):
            return link
        if not link.allows(verb):
            text = "Open the link again and press one of its buttons."
            return _notice(HTTPStatus.BAD_REQUEST, "That is no answer to this question", text)
        state = _standing(door, link)
        if isinstance(state, Response):
            return state
        return _say(door, link, state, verb=verb, reason=reason)
    except BackoutError as error:
        return _trouble(error)


def _say(door: Door, link: Link, state: State, *, verb: str, reason: str) -> Response:
    by, holding = f"link:{link.to}", state.response.phase == Step.HOLD
    word = "now" if verb == "approve" and holding else verb
    said = door.listener.say(link.response_id, word, by=by, reason=reason, question=link.question)
    if said is not Said.TAKEN:
        after = _standing(door, link)
        text = "Meanwhile something changed: nothing was recorded. Look at the newest message about it."
        return after if isinstance(after, Response) else _notice(HTTPStatus.CONFLICT, "Not recorded", text)
    yes, zone = verb == "approve", _zone(door, state)
    page = pages.recorded(state.response, yes=yes, by=by, at=door.clock(), zone=zone)
    return _page(page, HTTPStatus.OK)


def _read(door: Door, token: str) -> Link | Response:
    """Return what the token says, or the page that says why it counts for nothing."""
    configured = door.settings.approval_links
    if configured is None:
        raise ConfigurationError("approval_links is not configured, so no link can be answered: set it.")
    signed_by = Credential({"links": (configured.secret,)})
    link = doors.known(door, signed_by, lambda accepted: links.verified(token, *accepted["links"]))
    if link is None:
        text = "It was not made here, or it was cut off on its way. Copy the whole link from the message."
        return _notice(HTTPStatus.FORBIDDEN, "This link is not valid", text)
    if link.expires_at <= door.clock():
        text = f"Look at what became of it: backout show {link.response_id}"
        return _notice(HTTPStatus.GONE, "This link has expired", text)
    return link


def _standing(door: Door, link: Link) -> State | Response:
    """Return the response whose question still stands, or the page that says why it does not."""
    state = door.records.read(responses=[link.response_id]).states.get(link.response_id)
    if state is None:
        return _notice(HTTPStatus.GONE, "There is no such response any more", link.response_id)
    response = state.response
    word = _answered(response, link)
    if word is not None:
        return _page(pages.used(response, word, _zone(door, state)), HTTPStatus.CONFLICT)
    if not response.live:
        text = f"{response.service} ended as {response.phase}. There is nothing to answer any more."
        return _notice(HTTPStatus.CONFLICT, "It is over", text, f"Response {response.id}")
    if response.question != link.question:
        text = f"Something else is asked by now. Stop it all the same with: backout abort {response.id}"
        return _notice(HTTPStatus.CONFLICT, "The question has changed", "Open the newest message.", text)
    if response.phase not in (Step.APPROVE, Step.HOLD):
        text = f"It is in the step {response.phase}. Stop it with: backout abort {response.id}"
        return _notice(HTTPStatus.CONFLICT, f"{response.service} asks nothing now", text)
    return state


def _answered(response: responses.Response, link: Link) -> Word | None:
    """Return the word that used the link's question up, if there is one."""
    heard = response.heard
    yes = heard.word("approve", link.question) or heard.word("now", link.question)
    return yes or heard.word("abort")


def _zone(door: Door, state: State) -> tzinfo:
    """Return the zone of the service's team."""
    service = door.catalogue.of(state.response.service, state.response.workload)
    team = door.settings.teams.get(state.response.team or (service.team if service else ""))
    return ZoneInfo(team.timezone) if team else UTC


def _trouble(error: BackoutError) -> Response:
    """Return the page for what is not the reader's fault; `answers` keeps the log."""
    _ = answers.of_error(error)
    text = "Nothing was recorded. Try again in a minute, or answer with: backout approve, backout abort"
    return _notice(HTTPStatus.SERVICE_UNAVAILABLE, "This cannot be answered right now", text)


def _notice(status: HTTPStatus, title: str, *lines: str) -> Response:
    return _page(pages.notice(title, *lines), status)


def _page(html: str, status: HTTPStatus) -> Response:
    return Response(html, status, _HEADERS, mimetype="text/html")


_ROUTES = Map(
    [
        Rule("/decide/<token>", endpoint=_shown, methods=["GET"]),
        Rule("/decide/<token>", endpoint=_decided, methods=["POST"]),
    ]
)


def respond(door: Door, request: Request) -> Response:
    """Show what a link asks, or take its answer."""
    return edges.routed(_ROUTES, door, request)


main = edges.target(respond)
handler = edges.lambda_handler(respond)
