"""Google Calendar's API v3 and its token endpoint, as a service account that invites people sees them."""

import base64
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.responses import JSONResponse, Response

from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer, decoded

CALENDAR: Final = "team@example.com"
ACCOUNT: Final = "backout@project.iam.gserviceaccount.com"
SUBJECT: Final = "backout@example.com"
TOKEN: Final = "ya29.sandbox"  # noqa: S105 - made up, worth nothing outside the sandbox
SCOPE: Final = "https://www.googleapis.com/auth/calendar.events"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EVENTS: Final = "/calendar/v3/calendars/{calendar}/events"
_LONGEST_LIFE: Final = 3600


class _Time(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    date_time: str
    time_zone: str


class _Attendee(msgspec.Struct, forbid_unknown_fields=True):
    email: str


class _Properties(msgspec.Struct, forbid_unknown_fields=True):
    private: dict[str, str] = {}


class _Event(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    summary: str
    description: str
    start: _Time
    end: _Time
    attendees: list[_Attendee]
    extended_properties: _Properties
    status: str = "confirmed"
    id: str = ""


class GoogleCalendar(Receiver):
    """One calendar, and one service account that may act as `SUBJECT` where `delegated` says so.

    `events` are those there are, by id; `told` is what the invited were told, in order: what and of which.
    """

    def __init__(self, *, delegated: bool = True, clock: Clock = time.time, port: int = 0) -> None:
        super().__init__(clock=clock, port=port)
        self.delegated = delegated
        self.events: dict[str, dict[str, Any]] = {}
        self.told: list[tuple[str, str]] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._acts_as = ""
        self._version = 0
        self._losing = False

    @property
    def key(self) -> str:
        """The account's key, as Google's console gives it."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key = {"type": "service_account", "client_email": ACCOUNT, "private_key": pem.decode()}
        return json.dumps({**key, "private_key_id": "1", "token_uri": f"{self.url}/token"})

    @property
    def api(self) -> str:
        """The URL of the API."""
        return f"{self.url}/calendar/v3"

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            ("POST", "/token", self._token),
            ("GET", _EVENTS, self._list),
            ("POST", _EVENTS, self._insert),
            ("GET", _EVENTS + "/{event}", self._get),
            ("PATCH", _EVENTS + "/{event}", self._patch),
            ("DELETE", _EVENTS + "/{event}", self._delete),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        return JSONResponse(_error(status, "backendError", message), status, headers=dict(headers))

    def not_found(self) -> Response:
        return JSONResponse(_error(404, "notFound", "Not Found"), 404)

    def lose_next_change(self) -> None:
        """Make the next change, then answer 502."""
        self._losing = True

    def _token(self, received: Received) -> Response:
        form = received.form()
        if received.media_type != "application/x-www-form-urlencoded" or form.get("grant_type") != _GRANT:
            return _no_grant("unsupported_grant_type", "Invalid grant_type")
        head, claims, wrong = self._read(form.get("assertion", ""))
        now = self._clock()
        if wrong or head != {"alg": "RS256", "typ": "JWT"} or claims["iss"] != ACCOUNT:
            return _no_grant("invalid_grant", "Invalid JWT Signature.")
        if claims["aud"] != f"{self.url}/token" or claims["scope"] != SCOPE:
            return _no_grant("invalid_scope", "Invalid audience or scope.")
        if not now - 300 <= claims["iat"] <= now + 300 or not now < claims["exp"] <= now + _LONGEST_LIFE:
            return _no_grant("invalid_grant", "Token must be a short-lived token.")
        self._acts_as = claims.get("sub", "")
        if self._acts_as and not (self.delegated and self._acts_as == SUBJECT):
            return _no_grant("unauthorized_client", "Client is unauthorized.", 401)
        return JSONResponse({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})

    def _read(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """Return a JWT's header and claims, and whether its signature is wrong (RFC 7515)."""
        signed, _, signature = assertion.rpartition(".")
        head, _, claims = signed.partition(".")
        try:
            self._key.public_key().verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            return json.loads(_decoded(head)), json.loads(_decoded(claims)), False
        except (InvalidSignature, ValueError):
            return {}, {}, True

    def _list(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse({"kind": "calendar#events", "items": list(self.events.values())[:1]})

    def _insert(self, received: Received) -> Response:
        event = self._sent(received)
        if not re.fullmatch("[a-v0-9]{5,1024}", event["id"]):
            raise _refused(400, "invalid", "Invalid resource id value.")
        if event["id"] in self.events:
            raise _refused(409, "duplicate", "The requested identifier already exists.")
        return self._kept(event, "invited")

    def _get(self, received: Received) -> Response:
        return JSONResponse(self._found(received))

    def _patch(self, received: Received) -> Response:
        found = self._found(received)
        return self._kept({**found, **self._sent(received), "id": found["id"]}, "changed")

    def _delete(self, received: Received) -> Response:
        found = self._found(received)
        if found["status"] == "cancelled":
            raise _refused(410, "deleted", "Resource has been deleted")
        self._told_all(received)
        self._kept({**found, "status": "cancelled"}, "cancelled")
        return Response(status_code=204)

    def _kept(self, event: dict[str, Any], told: str) -> Response:
        self._version += 1
        self.events[event["id"]] = {**event, "kind": "calendar#event", "etag": f'"{self._version}"'}
        self.told.append((told, event["id"]))
        if self._losing:
            self._losing = False
            raise _refused(502, "backendError", "the answer got lost")
        return JSONResponse(self.events[event["id"]])

    def _found(self, received: Received) -> dict[str, Any]:
        self._admit(received)
        event = self.events.get(received.parameters["event"])
        if event is None:
            raise Refused(self.not_found())
        if received.headers.get("if-match", event["etag"]) != event["etag"]:
            raise _refused(412, "conditionNotMet", "Precondition Failed")
        return event

    def _sent(self, received: Received) -> dict[str, Any]:
        """Return the event that is sent, if Google would take it from this account."""
        self._admit(received)
        self._told_all(received)
        event = decoded(
            received.json(), _Event, refuse=lambda why: JSONResponse(_error(400, "invalid", why), 400)
        )
        start, end = (datetime.fromisoformat(each.date_time) for each in (event.start, event.end))
        if start.tzinfo is None or end <= start or event.status != "confirmed":
            raise _refused(400, "invalid", "Invalid start or end time.")
        if event.attendees and not self._acts_as:
            without = "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority."
            raise _refused(403, "forbiddenForServiceAccounts", without)
        sent: dict[str, Any] = msgspec.to_builtins(event)
        return {"status": "confirmed", "id": "", **sent}

    def _admit(self, received: Received) -> None:
        if bearer(received) != TOKEN:
            raise _refused(401, "authError", "Invalid Credentials")
        if received.parameters["calendar"] != CALENDAR:
            raise Refused(self.not_found())

    @staticmethod
    def _told_all(received: Received) -> None:
        if received.query.get("sendUpdates") != "all":
            raise _refused(400, "invalid", "nobody would be told without sendUpdates=all")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _error(status: int, reason: str, message: str) -> dict[str, Any]:
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return {"error": {"errors": errors, "code": status, "message": message}}


def _refused(status: int, reason: str, message: str) -> Refused:
    return Refused(JSONResponse(_error(status, reason, message), status))


def _no_grant(error: str, description: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
