import json
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from shared.adapters.webhook import LogPeople, WebhookPeople, retry_seconds
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import Message
from tests.fakes.http_server import Answer, serving
from tests.fakes.people import FakePeople

MESSAGE = Message(
    key="r-1/started",
    title="checkout: rolling back to v41",
    lines=("error_rate is 12 % (limit 10 %)", "hält bis 12:05 UTC"),
    response_id="r-1",
    severity="P0",
    links={"response": "https://backout.example.com/responses/r-1"},
)
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def error_when(answer: Answer, *, timeout_seconds: float = 4.0) -> BackoutError:
    """Tell people through a webhook that gives this answer, and return what is raised."""
    with serving(lambda _: answer) as server, pytest.raises(BackoutError) as caught:
        WebhookPeople(f"{server.url}/s3cret", timeout_seconds=timeout_seconds).tell(MESSAGE)
    return caught.value


def test_a_message_is_posted_as_json_that_slack_takes_too() -> None:
    with serving(lambda _: Answer(200, b"ok")) as server:
        WebhookPeople(f"{server.url}/s3cret", {"Authorization": "Bearer t0ken"}).tell(MESSAGE)

    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/s3cret")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert json.loads(request.body) == {
        "text": "checkout: rolling back to v41\nerror_rate is 12 % (limit 10 %)\nhält bis 12:05 UTC",
        "key": "r-1/started",
        "response_id": "r-1",
        "severity": "P0",
        "title": "checkout: rolling back to v41",
        "lines": ["error_rate is 12 % (limit 10 %)", "hält bis 12:05 UTC"],
        "links": {"response": "https://backout.example.com/responses/r-1"},
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(status: int) -> None:
    with serving(lambda _: Answer(status)) as server:
        WebhookPeople(server.url).tell(MESSAGE)

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_broken_webhook_is_worth_another_try(status: int) -> None:
    error = error_when(Answer(status, headers={"Retry-After": "30"}))

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 30
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_a_webhook_that_refuses_is_given_up(status: int) -> None:
    error = error_when(Answer(status, b"no_service", {"Location": "/elsewhere"}))

    assert isinstance(error, PermanentError)
    assert str(status) in str(error)


@pytest.mark.parametrize("answer", [Answer(drops=True), Answer(hangs=True)], ids=["drops", "hangs"])
def test_a_webhook_that_does_not_answer_is_worth_another_try(answer: Answer) -> None:
    started = time.monotonic()

    assert isinstance(error_when(answer, timeout_seconds=0.3), TemporaryError)
    assert time.monotonic() - started < 2.0


def test_a_webhook_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(TemporaryError, match="connection refused"):
        WebhookPeople("http://127.0.0.1:9/s3cret").tell(MESSAGE)


@pytest.mark.parametrize(
    "url", ["hooks.example.com/s3cret", "ftp://hooks.example.com/s3cret", "http://hooks:s3cret"]
)
def test_a_url_that_is_none_is_given_up_and_not_shown(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        WebhookPeople(url).tell(MESSAGE)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "answer", [Answer(200), Answer(404), Answer(503), Answer(drops=True), Answer(302)], ids=str
)
def test_neither_error_nor_log_shows_the_url(caplog: pytest.LogCaptureFixture, answer: Answer) -> None:
    caplog.set_level("DEBUG")
    shown = ""
    with serving(lambda _: answer) as server:
        people = WebhookPeople(f"{server.url}/s3cret")
        try:
            people.tell(MESSAGE)
        except BackoutError as error:
            shown = "".join(traceback.format_exception(error))

    assert len(server.requests) == 1
    assert "s3cret" not in shown + caplog.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("0", 2.0),
        ("999999", 3600.0),
        ("", 2.0),
        ("soon", 2.0),
        ("-5", 2.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Mon, 02 Mar 2026 12:01:00 -0000", 60.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 2.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_reason(header: str, seconds: float) -> None:
    assert retry_seconds(header, now=NOW) == seconds


def test_the_log_gets_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    LogPeople().tell(MESSAGE)

    [record] = caplog.records
    assert (record.name, record.levelname) == ("backout.people", "WARNING")
    line = record.getMessage()
    assert "\n" not in line
    told = json.loads(line)
    assert (told["event"], told["response_id"], told["severity"]) == ("message", "r-1", "P0")
    assert told["lines"] == list(MESSAGE.lines)


def test_the_fake_fails_as_often_as_it_is_told_to() -> None:
    people = FakePeople()
    people.fails(2)

    for _ in range(2):
        with pytest.raises(TemporaryError):
            people.tell(MESSAGE)
    people.tell(MESSAGE)

    assert (people.attempts, people.titles) == (3, [MESSAGE.title])
