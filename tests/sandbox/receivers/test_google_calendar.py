"""Google Calendar's stand-in refuses what Google refuses."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.receivers.google_calendar import CALENDAR, TOKEN, GoogleCalendar

EVENT: dict[str, Any] = {
    "id": "abc123",
    "summary": "s",
    "description": "d",
    "start": {"dateTime": "2026-03-03T09:00:00+00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-03-03T10:00:00+00:00", "timeZone": "UTC"},
    "attendees": [],
    "extendedProperties": {"private": {}},
}


@pytest.fixture(scope="module")
def google() -> Iterator[GoogleCalendar]:
    with GoogleCalendar() as google:
        yield google


def insert(
    google: GoogleCalendar, token: str = TOKEN, calendar: str = CALENDAR, updates: str = "all", **fields: Any
) -> int:
    url = f"{google.api}/calendars/{calendar}/events?sendUpdates={updates}"
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(url, json={**EVENT, **fields}, headers=headers, trust_env=False).status_code


def test_an_id_is_taken_once(google: GoogleCalendar) -> None:
    assert [insert(google, id="0123v"), insert(google, id="0123v")] == [200, 409]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"token": "guessed"}, 401),
        ({"calendar": "other@example.com"}, 404),
        ({"updates": "none"}, 400),
        ({"id": "with-dash"}, 400),
        ({"id": "xyz12"}, 400),
        ({"start": {"dateTime": "2026-03-03T09:00:00", "timeZone": "UTC"}}, 400),
        ({"unknown": 1}, 400),
        ({"attendees": [{"email": "ann@example.com"}]}, 403),
    ],
)
def test_what_google_refuses_is_refused(google: GoogleCalendar, sent: dict[str, Any], status: int) -> None:
    before = dict(google.events)

    assert insert(google, **sent) == status
    assert google.events == before


def test_a_token_is_given_for_a_signed_assertion_alone(google: GoogleCalendar) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "e30.e30.AAAA"}

    answer = httpx.post(f"{google.url}/token", data=form, trust_env=False)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
