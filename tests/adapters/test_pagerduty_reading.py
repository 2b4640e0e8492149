import json
import time
from pathlib import Path

import pytest

from shared.adapters.pagerduty.reading import PagerDutyIncidents
from shared.errors import BackoutError, ConfigurationError, TemporaryError
from tests.fakes.http_server import Answer, Request, Server, serving

EVENTS = Path(__file__).resolve().parents[1] / "events" / "pagerduty"
ALERTS = (EVENTS / "rest-alerts-alertmanager-text.json").read_bytes()
TOKEN = "u+secret"
ID = "Q2CKYRLH85UNN4"


def reader(server: Server, within_seconds: float = 3.5) -> PagerDutyIncidents:
    return PagerDutyIncidents(server.url, TOKEN, within_seconds=within_seconds)


def test_an_incidents_alerts_are_asked_for_as_pagerduty_wants_it() -> None:
    with serving(lambda _: Answer(body=ALERTS)) as server:
        alerts = reader(server).alerts_of(ID)

    [request] = server.requests
    assert request.method == "GET"
    assert request.path == f"/incidents/{ID}/alerts?limit=100"
    assert request.headers["authorization"] == f"Token token={TOKEN}"
    assert request.headers["accept"] == "application/vnd.pagerduty+json;version=2"
    assert list(alerts) == json.loads(ALERTS)["alerts"]


def test_an_id_cannot_lead_elsewhere() -> None:
    with serving(lambda _: Answer(body=ALERTS)) as server:
        reader(server).alerts_of("../users?x")

    assert server.requests[0].path == "/incidents/..%2Fusers%3Fx/alerts?limit=100"


def test_an_incident_that_pagerduty_hides_has_no_alerts() -> None:
    with serving(lambda _: Answer(404, b'{"error": {"message": "Not Found", "code": 2100}}')) as server:
        assert list(reader(server).alerts_of(ID)) == []
        assert reader(server).email_of("PVE0ZR9") == ""


def test_a_users_address_is_told_in_lower_case() -> None:
    def answered(request: Request) -> Answer:
        assert request.path == "/users/PVE0ZR9"
        return Answer(body=b'{"user": {"id": "PVE0ZR9", "email": "Bot@Example.com"}}')

    with serving(answered) as server:
        assert reader(server).email_of("PVE0ZR9") == "bot@example.com"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_a_fault_of_the_configuration(status: int) -> None:
    with (
        serving(lambda _: Answer(status, b'{"error": {"message": "u+secret is wrong"}}')) as server,
        pytest.raises(ConfigurationError, match=r"pagerduty\.token") as raised,
    ):
        reader(server).alerts_of(ID)

    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(503, b"<html>"),
        Answer(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
        Answer(200, b"{}"),
        Answer(200, b'{"alerts": 1}'),
        Answer(drops=True),
    ],
)
def test_what_is_no_answer_may_be_one_later(answer: Answer) -> None:
    with serving(lambda _: answer) as server, pytest.raises(TemporaryError) as raised:
        reader(server).alerts_of(ID)

    assert TOKEN not in str(raised.value)


def test_being_told_to_wait_is_passed_on() -> None:
    with (
        serving(lambda _: Answer(429, headers={"ratelimit-reset": "42"})) as server,
        pytest.raises(TemporaryError) as raised,
    ):
        reader(server).alerts_of(ID)

    assert raised.value.retry_after == 42


def test_nobody_listening_may_pass_too() -> None:
    with serving(lambda _: Answer()) as server:
        gone = server.url
    with pytest.raises(TemporaryError):
        PagerDutyIncidents(gone, TOKEN).alerts_of(ID)


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(body=ALERTS, drips=True)])
def test_a_call_ends_in_time_however_slow_the_answer(answer: Answer) -> None:
    with serving(lambda _: answer) as server:
        began = time.monotonic()
        with pytest.raises(BackoutError):
            reader(server, within_seconds=0.5).alerts_of(ID)
        assert time.monotonic() - began < 1.5
