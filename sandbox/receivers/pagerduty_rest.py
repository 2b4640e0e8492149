"""PagerDuty's REST API, as far as incidents, and the people who are told of them, need it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.responses import JSONResponse, Response

from sandbox.receivers import pagerduty_bodies as bodies
from sandbox.receivers.pagerduty_account import Account, Written
from sandbox.receivers.pagerduty_incidents import Incident, alert_resource, reference
from sandbox.receivers.rates import Allowance
from sandbox.receivers.receiving import Act, Clock, Received, Refused, bearer, decoded

MOST_NOTES = 2000

_ACCEPT = "application/vnd.pagerduty+json;version=2"
_PER_MINUTE = 960
_PAGE = 100
_PAGE_OF_INCIDENTS = 25
_LISTING = frozenset({"service_ids[]", "since", "until", "sort_by", "limit"})
_ALL_TIME = {"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}
_INVALID = "Invalid Input Provided"

T = TypeVar("T")


def problem(status: int, code: int, message: str, *errors: str, headers: Mapping[str, str]) -> JSONResponse:
    """Write an error as the REST API does."""
    error = {"message": message, "code": code, **({"errors": list(errors)} if errors else {})}
    return JSONResponse({"error": error}, status, headers)


class RestApi:
    """The REST API of an account, for one token; `token_owner` is a user's id when it is a person's own."""

    def __init__(
        self, account: Account, clock: Clock, *, token: str, token_owner: str, most_notes: int
    ) -> None:
        self._account = account
        self._most_notes = most_notes
        self._clock = clock
        self._token, self._token_owner = token, token_owner
        self._calls = Allowance(burst=_PER_MINUTE, per_second=_PER_MINUTE / 60)

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        """Say which method and path is answered by what."""
        return [
            ("GET", "/abilities", self._abilities),
            ("GET", "/priorities", self._priorities),
            ("GET", "/users", self._users),
            ("GET", "/users/me", self._me),
            ("GET", "/users/{id}", self._user),
            ("GET", "/escalation_policies/{id}", self._policy),
            ("GET", "/incidents", self._incidents),
            ("GET", "/incidents/{id}", self._incident),
            ("PUT", "/incidents/{id}", self._change),
            ("GET", "/incidents/{id}/alerts", self._alerts),
            ("GET", "/incidents/{id}/notes", self._notes),
            ("POST", "/incidents/{id}/notes", self._note),
            ("POST", "/incidents/{id}/status_updates", self._status_update),
            ("POST", "/incidents/{id}/responder_requests", self._responder_request),
        ]

    def _abilities(self, received: Received) -> Response:
        headers = self._admit(received)
        return JSONResponse({"abilities": list(self._account.abilities)}, headers=headers)

    def _priorities(self, received: Received) -> Response:
        headers = self._admit(received)
        every = [
            {**reference("priority", each, name), "type": "priority", "name": name, "order": order}
            for order, (each, name) in enumerate(self._account.priorities.items(), start=1)
        ]
        return JSONResponse(_page("priorities", every), headers=headers)

    def _users(self, received: Received) -> Response:
        headers = self._admit(received)
        query = received.query.get("query", "").lower()
        users = self._account.users.items()
        every = [self._user_resource(each) for each, email in users if query in email.lower()]
        return JSONResponse(_page("users", every), headers=headers)

    def _me(self, received: Received) -> Response:
        headers = self._admit(received)
        if not self._token_owner:
            raise _invalid("a token of the account belongs to no user")
        return JSONResponse({"user": self._user_resource(self._token_owner)}, headers=headers)

    def _user(self, received: Received) -> Response:
        headers, user = self._admit(received), received.parameters["id"]
        if user not in self._account.users:
            raise _missing()
        return JSONResponse({"user": self._user_resource(user)}, headers=headers)

    def _policy(self, received: Received) -> Response:
        headers, policy = self._admit(received), received.parameters["id"]
        if policy not in self._account.policies:
            raise _missing()
        name = self._account.policies[policy]
        found = {**reference("escalation_policy", policy, name), "type": "escalation_policy", "name": name}
        return JSONResponse({"escalation_policy": {**found, "escalation_rules": []}}, headers=headers)

    def _incidents(self, received: Received) -> Response:
        """List incidents of one service, or all, that were opened in the time asked for."""
        headers, query = self._admit(received), received.query
        unknown = query.keys() - _LISTING
        if unknown:
            raise _invalid(f"this stand-in lists incidents by {', '.join(sorted(_LISTING))} alone")
        service = query.get("service_ids[]", "")
        since, until = (_time(query.get(name), otherwise) for name, otherwise in _ALL_TIME.items())
        every = [
            self._account.as_resource(incident)
            for incident in self._account.incidents.values()
            if service in {"", incident.service}
            and since <= datetime.fromisoformat(incident.created_at) < until
        ]
        limit = int(query.get("limit", _PAGE_OF_INCIDENTS))
        page = {**_page("incidents", every[:limit]), "limit": limit, "more": len(every) > limit}
        return JSONResponse(page, headers=headers)

    def _incident(self, received: Received) -> Response:
        headers, incident = self._admit(received), self._found(received)
        return JSONResponse({"incident": self._account.as_resource(incident)}, headers=headers)

    def _alerts(self, received: Received) -> Response:
        headers, incident = self._admit(received), self._found(received)
        every = [alert_resource(alert, incident, number) for number, alert in enumerate(incident.alerts, 1)]
        return JSONResponse(_page("alerts", every), headers=headers)

    def _notes(self, received: Received) -> Response:
        headers, incident = self._admit(received), self._found(received)
        every = [self._note_resource(note) for note in self._account.notes if note.incident == incident.id]
        return JSONResponse({"notes": every}, headers=headers)

    def _note(self, received: Received) -> Response:
        headers, sender, incident = self._admit(received), self._sender(received), self._found(received)
        body = self._body(received, bodies.NoteBody)
        if sum(note.incident == incident.id for note in self._account.notes) >= self._most_notes:
            raise _invalid(f"Incident has reached the maximum of {self._most_notes} notes")
        note = self._account.written(incident, sender, body.note)
        self._account.notes.append(note)
        return JSONResponse({"note": self._note_resource(note)}, headers=headers)

    def _status_update(self, received: Received) -> Response:
        headers, sender, incident = self._admit(received), self._sender(received), self._found(received)
        self._able("status_updates")
        update = self._account.written(incident, sender, self._body(received, bodies.StatusUpdateBody))
        self._account.status_updates.append(update)
        by = self._account.user_reference(self._account.user_with(sender))
        shown = {"id": update.id, "created_at": update.created_at, "sender": by, **update.body}
        return JSONResponse({"status_update": shown}, headers=headers)

    def _responder_request(self, received: Received) -> Response:
        headers, incident = self._admit(received), self._found(received)
        self._able("coordinated_responding")
        body = self._body(received, bodies.ResponderRequestBody)
        if body.requester_id not in self._account.users:
            raise _invalid("Requester not found")
        for each in body.responder_request_targets:
            target = each.responder_request_target
            known = self._account.policies if "policy" in target.type else self._account.users
            if target.id not in known:
                raise _invalid(f"Responder request target {target.id} not found")
        request = self._account.written(incident, self._account.users[body.requester_id], body)
        self._account.responder_requests.append(request)
        shown = {"incident": reference("incident", incident.id, None), "requested_at": request.created_at}
        return JSONResponse({"responder_request": {**shown, **request.body}}, headers=headers)

    def _change(self, received: Received) -> Response:
        headers, sender, incident = self._admit(received), self._sender(received), self._found(received)
        change = self._body(received, bodies.IncidentBody).incident
        if incident.status == "resolved" and change.status is not msgspec.UNSET:
            already = "Incident Already Resolved"
            raise Refused(problem(400, 2002, "Arguments Caused Error", already, headers=headers))
        if isinstance(change.priority, bodies.PriorityReference):
            if change.priority.id not in self._account.priorities:
                raise _invalid(f"Priority {change.priority.id} not found")
            incident = replace(incident, priority=change.priority.id)
        elif change.priority is None:
            incident = replace(incident, priority="")
        given = {
            name: value
            for name in ("resolution", "title", "escalation_level", "urgency")
            if (value := getattr(change, name)) is not msgspec.UNSET
        }
        self._account.incidents[incident.id] = replace(incident, changed_by=sender, **given)
        if change.status is not msgspec.UNSET:
            self._account.moved(incident.id, change.status)
        changed = self._account.incidents[incident.id]
        return JSONResponse({"incident": self._account.as_resource(changed)}, headers=headers)

    def _admit(self, received: Received) -> dict[str, str]:
        """Check what every call needs; return the headers that every answer has."""
        scheme, _, credential = received.headers.get("authorization", "").partition(" ")
        presented = credential.removeprefix("token=") if scheme == "Token" else bearer(received)
        if presented != self._token:
            raise Refused(problem(401, 2006, "Authentication Failed", headers={}))
        if received.headers.get("accept", "").replace(" ", "") != _ACCEPT:
            raise _invalid(f"Accept must be {_ACCEPT}")
        now = self._clock()
        wait_seconds = self._calls.take(self._token, now=now)
        headers = {
            "ratelimit-limit": str(_PER_MINUTE),
            "ratelimit-remaining": str(math.floor(self._calls.left(self._token, now=now))),
            "ratelimit-reset": str(math.ceil(wait_seconds)),
        }
        if wait_seconds > 0:
            raise Refused(problem(429, 2020, "Rate Limit Exceeded", headers=headers))
        return headers

    def _sender(self, received: Received) -> str:
        """Check in whose name it is done."""
        sender = received.headers.get("from", "")
        if "@" not in sender:
            why = 'You must specify a user\'s email address in the "From" header to perform this action'
            raise Refused(problem(400, 2016, why, headers={}))
        if not self._account.user_with(sender):
            raise Refused(problem(400, 1008, "Requester User Not Found", headers={}))
        return sender

    def _body(self, received: Received, expected: type[T]) -> T:
        """Read a body; one that is not JSON, or does not say that it is, is no hash to PagerDuty."""
        try:
            body = received.json() if received.media_type == "application/json" else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        if not isinstance(body, dict):
            raise _invalid("params must be a Hash")
        return decoded(body, expected, refuse=lambda why: problem(400, 2001, _INVALID, why, headers={}))

    def _able(self, ability: str) -> None:
        if ability not in self._account.abilities:
            why = "Account does not have the abilities to perform the action"
            raise Refused(problem(402, 2014, why, ability, headers={}))

    def _found(self, received: Received) -> Incident:
        incident = self._account.incidents.get(received.parameters["id"])
        if incident is None:
            raise _missing()
        return incident

    def _user_resource(self, user_id: str) -> dict[str, Any]:
        shown = self._account.user_reference(user_id)
        return {**shown, "type": "user", "name": shown["summary"], "email": self._account.users[user_id]}

    def _note_resource(self, note: Written) -> dict[str, Any]:
        by = self._account.user_reference(self._account.user_with(note.by))
        shown = {"id": note.id, "content": note.text, "created_at": note.created_at, "user": by}
        return {**shown, "channel": {"summary": "The PagerDuty website or APIs"}}


def _page(name: str, every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: list(every), "limit": _PAGE, "offset": 0, "more": False, "total": None}


def _time(text: str | None, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text) if text else otherwise
    except ValueError:
        raise _invalid("since and until are times in ISO 8601") from None


def _invalid(why: str) -> Refused:
    return Refused(problem(400, 2001, _INVALID, why, headers={}))


def _missing() -> Refused:
    return Refused(problem(404, 2100, "Not Found", headers={}))
