import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.domain.response import Response
from shared.intake import links
from shared.intake.links import Link
from tests.functions.installation import (
    BAD,
    CONFIG,
    GOOD,
    Installation,
    bearer,
    problem,
    results,
    with_tokens,
)

SECRET = "link-secret"
LINKED = CONFIG + '\napproval_links: {url: "https://backout.example.com", secret: "env:LINK_SECRET"}\n'


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    with_tokens(monkeypatch)
    monkeypatch.setenv("LINK_SECRET", SECRET)
    return Installation(config=LINKED)


def asking(installation: Installation) -> Response:
    """Have checkout ask: its bad deploy is five hours ago."""
    installation.deployed_badly()
    installation.now += timedelta(hours=5)
    [result] = results(installation.notify())
    installation.engine.handle(result["response_id"])
    return response_of(installation, result["response_id"])


def response_of(installation: Installation, response_id: str) -> Response:
    return installation.records.read(responses=[response_id]).states[response_id].response


def token(installation: Installation, response: Response, **changes: Any) -> str:
    known: dict[str, Any] = {
        "response_id": response.id,
        "question": response.question,
        "to": "anna",
        "expires_at": installation.now + timedelta(minutes=10),
    }
    return links.signed(Link(**{**known, **changes}), SECRET)


def open_(installation: Installation, token: str) -> TestResponse:
    return installation.client.get(f"/decide/{token}")


def press(installation: Installation, token: str, verb: str, reason: str = "") -> TestResponse:
    return installation.client.post(f"/decide/{token}", data={"verb": verb, "reason": reason})


def text(answer: TestResponse) -> str:
    """Return what a reader sees."""
    body = answer.text.partition("<body>")[2]
    return unescape(re.sub(r"<[^>]+>", " ", body))


def test_the_page_says_what_is_asked_and_changes_nothing(installation: Installation) -> None:
    response = asking(installation)
    before = installation.records.read(responses=[response.id]).states[response.id]
    writes = sum(installation.fake_records.calls[name] for name in ("commit", "put_task"))

    answer = open_(installation, token(installation, response))

    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    said = " ".join(text(answer).split())
    for part in ("checkout: roll back?", "production/deployment/checkout", "v1", "v2", "25 %", "limit 10 %"):
        assert part in said
    assert "asks anna. Answer until 15:11 UTC, in 10 min" in said
    assert "The current revision has run for long" in said
    assert "revision 2 stays as it is" in said
    assert answer.text.count("<button") == 2
    assert installation.records.read(responses=[response.id]).states[response.id] == before
    assert sum(installation.fake_records.calls[name] for name in ("commit", "put_task")) == writes


def test_the_page_can_neither_run_nor_load_nor_leak_anything(installation: Installation) -> None:
    response = asking(installation)

    answer = open_(installation, token(installation, response))

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script" not in answer.text
    assert not re.search(r"(src|href)=", answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_what_comes_from_outside_is_escaped(installation: Installation) -> None:
    response = asking(installation)

    answer = open_(installation, token(installation, response, to="<img src=x onerror=alert(1)>"))

    assert "<img" not in answer.text
    assert "&lt;img" in answer.text


def test_a_yes_is_recorded_by_name_and_the_response_goes_on(installation: Installation) -> None:
    response = asking(installation)
    link = token(installation, response)

    answer = press(installation, link, "approve", reason="seen it")
    installation.engine.handle(response.id)

    assert answer.status_code == 200
    assert "Recorded: yes" in text(answer)
    word = response_of(installation, response.id).heard.word("approve")
    assert word is not None
    assert (word.by, word.reason, word.question) == ("link:anna", "seen it", response.question)
    assert [change.cause for change in installation.workloads.applied if hasattr(change, "cause")]


def test_a_no_is_recorded_and_nothing_is_touched(installation: Installation) -> None:
    response = asking(installation)

    answer = press(installation, token(installation, response), "abort", reason="the database")
    installation.engine.handle(response.id)

    assert answer.status_code == 200
    after = response_of(installation, response.id)
    assert (after.phase, after.detail) == ("aborted", "link:anna: the database")
    assert installation.workloads.applied == []


@pytest.mark.parametrize("verb", ["approve", "abort"])
def test_a_link_works_once_for_whoever_comes_second(installation: Installation, verb: str) -> None:
    response = asking(installation)
    first, second = token(installation, response), token(installation, response, to="ben")
    press(installation, first, verb)
    words = response_of(installation, response.id).heard.words

    answers = [
        press(installation, link, other) for link in (first, second) for other in ("approve", "abort")
    ] + [open_(installation, second)]

    assert [answer.status_code for answer in answers] == [409] * 5
    assert all("link:anna said" in text(answer) for answer in answers)
    assert response_of(installation, response.id).heard.words == words


def test_a_yes_given_elsewhere_uses_the_link_up(installation: Installation) -> None:
    response = asking(installation)
    path = f"/responses/{response.id}/approve"
    installation.client.post(path, headers=bearer("alice-token"))

    answer = press(installation, token(installation, response), "abort")

    assert answer.status_code == 409
    assert "alice said yes" in text(answer)


def test_a_link_to_another_question_decides_nothing(installation: Installation) -> None:
    response = asking(installation)

    answer = press(installation, token(installation, response, question="old>older"), "approve")

    assert answer.status_code == 409
    assert "The question has changed" in text(answer)
    assert response_of(installation, response.id).heard.words == ()


def test_a_link_for_one_answer_gives_no_other(installation: Installation) -> None:
    response = asking(installation)
    link = token(installation, response, verb="abort")

    assert open_(installation, link).text.count("<button") == 1
    assert press(installation, link, "approve").status_code == 400
    assert press(installation, link, "").status_code == 400
    assert response_of(installation, response.id).heard.words == ()
    assert press(installation, link, "abort").status_code == 200


def test_an_expired_link_says_so(installation: Installation) -> None:
    response = asking(installation)
    link = token(installation, response)
    installation.now += timedelta(minutes=10)

    assert [open_(installation, link).status_code, press(installation, link, "approve").status_code] == [
        410
    ] * 2
    assert "expired" in text(open_(installation, link))
    assert response_of(installation, response.id).heard.words == ()


def test_a_forged_link_says_so(installation: Installation) -> None:
    response = asking(installation)
    genuine = token(installation, response)
    other = links.signed(
        Link(response.id, response.question, "anna", installation.now + timedelta(minutes=5)), "another"
    )

    for forged in (other, genuine[:-1], genuine + "0", f"x{genuine}", "nonsense", "é.é"):
        answer = press(installation, forged, "approve")
        assert answer.status_code == 403, forged
        assert "not valid" in text(answer)
    assert response_of(installation, response.id).heard.words == ()


def test_a_link_to_a_response_that_has_ended_says_how_it_ended(installation: Installation) -> None:
    response = asking(installation)
    link = token(installation, response, expires_at=installation.now + timedelta(hours=1))
    installation.now += timedelta(minutes=30)
    installation.engine.handle(response.id)

    answer = open_(installation, link)

    assert answer.status_code == 409
    assert "checkout ended as refused" in text(answer)


def test_a_link_to_no_response_is_gone(installation: Installation) -> None:
    response = asking(installation)

    assert open_(installation, token(installation, response, response_id="none")).status_code == 410


def test_a_table_that_is_away_is_told_on_a_page(installation: Installation) -> None:
    response = asking(installation)
    link = token(installation, response)
    installation.fake_records.away = True

    answer = press(installation, link, "approve")

    assert answer.status_code == 503
    assert "Try again" in text(answer)


def test_times_are_those_of_the_teams_zone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LINKED.replace("name: checkout,", "name: checkout, team: shop,")
    berlin = Installation(config=config + "teams: {shop: {timezone: Europe/Berlin}}\n")
    response = asking(berlin)

    assert "17:11 CEST" in text(open_(berlin, token(berlin, response)))


def test_without_a_secret_no_link_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    with_tokens(monkeypatch)
    bare = Installation()

    answer = bare.client.get("/decide/some.token")

    assert answer.status_code == 503
    assert answer.content_type.startswith("text/html")


def test_there_is_nothing_else_below_decide(installation: Installation) -> None:
    assert problem(installation.client.get("/decide/"), 404)
    assert problem(installation.client.delete("/decide/x"), 405)


def test_the_images_are_named(installation: Installation) -> None:
    response = asking(installation)

    said = text(open_(installation, token(installation, response))).replace(" ", "")

    assert GOOD in said
    assert BAD in said
