"""POST /responses/{id}/meeting moves and cancels what a response has invited its team to."""

from dataclasses import replace
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from shared.bootstrap import Engine
from shared.errors import PermanentError
from tests.fakes.meetings import FakeMeetings
from tests.functions.installation import CONFIG, Installation, bearer, problem, results, with_tokens

INVITING = CONFIG.replace("mode: auto}", "mode: auto, team: shop}") + (
    """
meetings: {from: backout@example.com, smtp: {host: 127.0.0.1, tls: none}}
teams: {shop: {timezone: Europe/Berlin, meeting: {attendees: [ann@example.com]}}}
"""
)


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    with_tokens(monkeypatch)
    return inviting(FakeMeetings())


def inviting(meetings: FakeMeetings) -> Installation:
    installation = Installation(config=INVITING)
    outside = replace(installation.engine.outside, meetings=meetings)
    installation.engine = Engine(installation.door, outside)
    return installation


def ended(installation: Installation) -> str:
    """Have a response roll back and end: 10:01 UTC on a Saturday, so the meeting is on Monday at 09:00."""
    installation.deployed_badly()
    [result] = results(installation.notify())
    response_id: str = result["response_id"]
    for _ in range(200):
        if installation.get(f"/responses/{response_id}").get_json()["ended_at"]:
            break
        installation.engine.handle(response_id)
        installation.now += timedelta(seconds=5)
    installation.engine.tasks.run_due(response_id)
    return response_id


def say(installation: Installation, response_id: str, body: str, token: str = "alice-token") -> TestResponse:
    path = f"/responses/{response_id}/meeting"
    return installation.client.post(path, data=body, headers=bearer(token))


def test_a_meeting_is_shown_moved_and_cancelled(installation: Installation) -> None:
    response_id = ended(installation)
    meeting = installation.get(f"/responses/{response_id}").get_json()["meeting"]
    assert (meeting["standing"], meeting["zone"]) == ("invited", "Europe/Berlin")
    assert meeting["at"].startswith("2026-08-24T07:00:00")

    moved = say(installation, response_id, '{"at": "2026-08-25T10:30", "reason": "Ann is away"}')
    assert (moved.status_code, moved.get_json()["word"]) == (202, "move-meeting")
    assert say(installation, response_id, '{"at": "2026-08-25T10:30+02:00"}').get_json()["repeated"]
    [event] = [
        event
        for event in installation.get(f"/responses/{response_id}").get_json()["events"]
        if event["code"] == "move-meeting"
    ]
    assert event["facts"] == {"at": "2026-08-25T08:30:00+00:00", "reason": "Ann is away"}

    assert say(installation, response_id, '{"cancel": true}').get_json()["repeated"] is False
    assert say(installation, response_id, '{"cancel": true}').get_json()["repeated"] is True


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"cancel": true, "at": "2026-08-25T10:30"}',
        '{"at": "tomorrow"}',
        '{"at": "2026-08-22T10:00Z"}',
        '{"at": "2028-08-22T10:00Z"}',
        '{"at": "2027-03-28T02:30"}',  # the clock skips it
        '{"at": "9999-12-31T23:59-12:00"}',
    ],
)
def test_a_word_that_names_no_time_is_a_problem(installation: Installation, body: str) -> None:
    problem(say(installation, ended(installation), body), 422)


def test_a_response_that_invited_nobody_has_none_to_move(installation: Installation) -> None:
    [result] = results(installation.notify())
    told = problem(say(installation, result["response_id"], '{"cancel": true}'), 409)
    assert "invited nobody" in told


def test_what_was_refused_may_stand_in_a_calendar_all_the_same(installation: Installation) -> None:
    refusing = inviting(FakeMeetings(errors=[PermanentError("answered 550")]))
    response_id = ended(refusing)
    assert refusing.get(f"/responses/{response_id}").get_json()["meeting"]["standing"] == "yours"
    assert say(refusing, response_id, '{"cancel": true}').status_code == 202


def test_one_that_there_is_not_has_none(installation: Installation) -> None:
    problem(say(installation, "r-none", '{"cancel": true}'), 404)


def test_who_may_only_read_moves_nothing(installation: Installation) -> None:
    problem(say(installation, "r-none", '{"cancel": true}', token="read-token"), 401)
