"""Invitations by a Google calendar (API v3): an event of its own id, so that inserting it twice makes one.

A service account may invite people only as a user of the domain (domain-wide delegation).
"""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.domain.meetings import Invitation
from shared.domain.reasons import Reason
from shared.errors import ConfigurationError, PermanentError, TemporaryError
from shared.wire import decoder

SCOPE = "https://www.googleapis.com/auth/calendar.events"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SEQUENCE = "backoutSequence"
_LIFE_SECONDS = 600
_DELEGATE = (
    "a service account may invite people only with domain-wide delegation: allow it the scope "
    f"{SCOPE} in the Admin console, and name the user whom it acts as in meetings.google.subject"
)


class _Key(msgspec.Struct):
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - where tokens are had


class _Token(msgspec.Struct):
    access_token: str


class _Properties(msgspec.Struct):
    private: dict[str, str] = {}


class _Event(msgspec.Struct, rename="camel"):
    etag: str
    status: str = ""
    extended_properties: _Properties = msgspec.field(default_factory=_Properties)

    @property
    def sequence(self) -> int:
        """The sequence of the invitation that this event was last made to be; -1 where it is none of ours."""
        return int(self.extended_properties.private.get(_SEQUENCE, "-1"))


@dataclass(frozen=True)
class GoogleCalendar:
    """Puts meetings into `calendar`; Google tells the invited. `key` is a service account's, as JSON."""

    url: str
    calendar: str
    key: str = field(repr=False)
    subject: str = ""
    seconds: float = TELL_SECONDS

    def send(self, invitation: Invitation) -> Sequence[str]:
        until = time.monotonic() + self.seconds
        token, path = self._token(until), f"/{event_id(invitation.response_id)}"
        found = self._found(self._calls(token, until), path)
        calls = self._calls(token, until, etag=found.etag if found else "")
        try:
            self._make(calls, path, found, invitation)
        except Refused as error:
            if error.status in {409, 412}:
                raise TemporaryError(f"{error}; looking at it again", reason=Reason.INTERNAL) from error
            if error.status == 403 and "Service accounts cannot invite" in str(error):
                raise PermanentError(f"{error}: {_DELEGATE}", reason=Reason.FORBIDDEN) from error
            raise
        return ()

    def look(self) -> None:
        """Read the calendar, for the doctor. Raises what sending would raise for a wrong key or calendar."""
        until = time.monotonic() + self.seconds
        self._calls(self._token(until), until).send("GET", "?maxResults=1", None)

    @staticmethod
    def _make(calls: Calls, path: str, found: _Event | None, invitation: Invitation) -> None:
        """Make the event what the invitation says, unless it is that or a newer one already."""
        if found is None:
            if not invitation.cancelled:
                event = {"id": path.removeprefix("/"), **_event(invitation)}
                calls.send("POST", "?sendUpdates=all", event)
        elif invitation.cancelled:
            if found.status != "cancelled":
                calls.send("DELETE", f"{path}?sendUpdates=all", None)
        elif found.sequence < invitation.sequence:
            calls.send("PATCH", f"{path}?sendUpdates=all", _event(invitation))

    @staticmethod
    def _found(calls: Calls, path: str) -> _Event | None:
        try:
            return calls.ask("GET", path, into=_Event)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def _calls(self, token: str, until: float, *, etag: str = "") -> Calls:
        headers = {"Authorization": f"Bearer {token}"} | ({"If-Match": etag} if etag else {})
        url = f"{self.url}/calendars/{quote(self.calendar, safe='')}/events"
        return JsonApi("Google Calendar", url, headers=headers, secrets=[token]).calls(until=until)

    def _token(self, until: float) -> str:
        """Return an access token for the account, or for the user whom it acts as (RFC 7523)."""
        key = self._key()
        now = int(time.time())
        claims = {"iss": key.client_email, "scope": SCOPE, "aud": key.token_uri, "iat": now}
        claims |= {"exp": now + _LIFE_SECONDS} | ({"sub": self.subject} if self.subject else {})
        form = {"grant_type": _GRANT, "assertion": _signed(claims, key.private_key)}
        calls = JsonApi("Google", key.token_uri, secrets=[form["assertion"]]).calls(until=until)
        return calls.ask("POST", "", form=form, into=_Token).access_token

    def _key(self) -> _Key:
        try:
            return decoder(_Key).decode(self.key)
        except msgspec.DecodeError:
            raise _no_key() from None


def event_id(response_id: str) -> str:
    """Return the event's id; Google takes base32hex in lower case."""
    return base64.b32hexencode(response_id.encode()).decode().rstrip("=").lower()


def _signed(claims: Mapping[str, object], private_key: str) -> str:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    try:
        return jwt.encode({"alg": "RS256", "typ": "JWT"}, dict(claims), RSAKey.import_key(private_key))
    except (JoseError, ValueError):
        raise _no_key() from None


def _no_key() -> ConfigurationError:
    return ConfigurationError("meetings.google.key: expected the JSON key of a service account")


def _event(invitation: Invitation) -> dict[str, object]:
    start, end = invitation.at, invitation.at + invitation.length
    return {
        "status": "confirmed",
        "summary": invitation.summary,
        "description": invitation.text,
        "start": {"dateTime": start.isoformat(), "timeZone": "UTC"},
        "end": {"dateTime": end.isoformat(), "timeZone": "UTC"},
        "attendees": [{"email": attendee} for attendee in invitation.attendees],
        "extendedProperties": {"private": {_SEQUENCE: str(invitation.sequence)}},
    }
