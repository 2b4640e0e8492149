import json
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

from shared.adapters.json_api import JsonApi, Refused
from shared.errors import BackoutError, PermanentError, TemporaryError
from tests.fakes.http_server import Answer, serving

HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
SECRET = "s3cret-t0ken"


class Made(msgspec.Struct):
    id: int


def error_when(answer: Answer, *, seconds: float = 12.0) -> BackoutError:
    """Make a call that is answered so, and return what is raised."""
    with serving(lambda _: answer) as server:
        api = JsonApi("Vendor", server.url, headers={"X-Token": SECRET}, secrets=[SECRET], seconds=seconds)
        with pytest.raises(BackoutError) as caught:
            api.calls().ask("POST", "/things", {"name": "one"}, into=Made)
    return caught.value


def test_a_call_sends_json_with_the_headers_and_reads_the_answer() -> None:
    with serving(lambda _: Answer(201, b'{"id": 7, "more": true}', JSON)) as server:
        api = JsonApi("Vendor", f"{server.url}/v1/", headers={"X-Token": SECRET})
        made = api.calls().ask("POST", "/things", {"name": "hält"}, into=Made)

    [request] = server.requests
    assert made.id == 7
    assert (request.method, request.path) == ("POST", "/v1/things")
    assert request.headers["x-token"] == SECRET
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "backout"
    assert json.loads(request.body) == {"name": "hält"}


def test_a_call_without_a_path_goes_to_the_url_as_it_is_written() -> None:
    with serving(lambda _: Answer(204)) as server:
        JsonApi("Vendor", f"{server.url}/api/incidents/").calls().send("POST", "", {})

    assert server.requests[0].path == "/api/incidents/"


@pytest.mark.parametrize("status", [408, 420, 425, 429, 500, 502, 503, 504])
def test_a_busy_or_broken_vendor_is_worth_another_try(status: int) -> None:
    error = error_when(Answer(status, b"<h1>Sorry</h1>", HTML))

    assert isinstance(error, TemporaryError)
    assert str(error).startswith(f"Vendor: answered {status}")


@pytest.mark.parametrize("status", [301, 307, 400, 401, 402, 403, 404, 409, 410, 422])
def test_a_vendor_that_refuses_is_given_up(status: int) -> None:
    error = error_when(Answer(status, b"<h1>No</h1>", {**HTML, "Location": "/elsewhere"}))

    assert isinstance(error, Refused)
    assert error.status == status
    assert str(status) in str(error)


@pytest.mark.parametrize(
    "answer",
    [Answer(200, b"<h1>Log in</h1>", HTML), Answer(200, b'{"id": 1}', HTML), Answer(200), Answer(200, b"ok"),
     Answer(200, b'{"id": "one"}', JSON), Answer(200, b"[]", JSON)],
    ids=["page", "page that looks like it", "nothing", "text", "wrong type", "wrong shape"],
)  # fmt: skip
def test_an_answer_that_is_not_the_vendors_may_come_from_in_between(answer: Answer) -> None:
    assert isinstance(error_when(answer), TemporaryError)


@pytest.mark.parametrize("answer", [Answer(drops=True), Answer(hangs=True)], ids=["drops", "hangs"])
def test_a_vendor_that_does_not_answer_is_worth_another_try(answer: Answer) -> None:
    started = time.monotonic()

    assert isinstance(error_when(answer, seconds=0.6), TemporaryError)
    assert time.monotonic() - started < 2.0


def test_an_answer_that_trickles_in_is_broken_off() -> None:
    started = time.monotonic()
    error = error_when(Answer(200, b'{"id": 1, "x": "' + b"x" * 500, JSON, drips=True), seconds=0.6)

    assert isinstance(error, TemporaryError)
    assert time.monotonic() - started < 2.0


def test_all_calls_for_one_message_share_its_time() -> None:
    with serving(lambda _: Answer(hangs=True)) as server:
        calls = JsonApi("Vendor", server.url, seconds=0.6).calls()
        started = time.monotonic()
        while time.monotonic() - started < 2.0:
            with pytest.raises(TemporaryError) as caught:
                calls.send("POST", "/things", {})
            if "no time left" in str(caught.value):
                break

    assert time.monotonic() - started < 2.0
    assert "no time left within 0.6 s" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "30"}, 30),
        (420, {"Retry-After": "30"}, 30),
        (503, {"Retry-After": "30"}, 30),
        (429, {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": "41"}, 41),
        (403, {"Retry-After": "60"}, 60),
        (429, {}, 10),
        (420, {}, 10),
        (500, {}, 2),
    ],
)
def test_the_vendor_says_how_long_to_leave_it_alone(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    error = error_when(Answer(status, b"", headers))

    assert isinstance(error, TemporaryError)
    assert error.retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error = error_when(Answer(429, b"", {"Retry-After": at}))

    assert isinstance(error, TemporaryError)
    assert 85 < error.retry_after <= 90


def test_a_forbidden_that_names_a_limit_in_words_only_is_worth_another_try() -> None:
    said = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}'

    assert isinstance(error_when(Answer(403, said, JSON)), TemporaryError)


def test_a_forbidden_that_is_a_limit_waits_for_its_reset() -> None:
    reset = str(round(time.time()) + 300)
    error = error_when(Answer(403, b"", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}))

    assert isinstance(error, TemporaryError)
    assert 290 < error.retry_after <= 301


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": ["Content is empty"]}},
            "Invalid Input Provided Content is empty",
        ),
        ({"status": "invalid event", "message": "Event object is invalid", "errors": ["No key"]},
         "Event object is invalid No key"),
        ({"message": "Validation Failed", "errors": [{"message": "body is too long"}]},
         "Validation Failed body is too long"),
        ({"error": ["name is missing"]}, "name is missing"),
    ],
)  # fmt: skip
def test_the_error_quotes_the_vendors_words(body: object, words: str) -> None:
    assert f"({words})" in str(error_when(Answer(400, json.dumps(body).encode(), JSON)))


def test_an_error_never_shows_a_secret_that_the_answer_quotes() -> None:
    error = error_when(Answer(401, json.dumps({"message": f"bad token {SECRET}"}).encode(), JSON))

    assert "bad token" in str(error)
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("url", [f"api.example.com/{SECRET}", f"ftp://api/{SECRET}", f"http://api:{SECRET}"])
def test_a_url_that_is_none_is_given_up_and_not_shown(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        JsonApi("Vendor", url).calls().send("POST", "/things", {})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("header", [f"{SECRET}\n", f"{SECRET}ä"])
def test_a_token_that_no_header_can_hold_is_given_up_and_not_shown(header: str) -> None:
    with serving(lambda _: Answer(200)) as server:
        calls = JsonApi("Vendor", server.url, headers={"X-Token": header}).calls()
        with pytest.raises(PermanentError) as caught:
            calls.send("POST", "/things", {})

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


def test_a_vendor_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(TemporaryError, match="Vendor: connection refused"):
        JsonApi("Vendor", "http://127.0.0.1:9").calls().send("POST", "/things", {})
