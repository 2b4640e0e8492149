import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from sandbox.receivers import StatusEndpoint
from sandbox.receivers.status_endpoint import TOKEN
from tests.sandbox.endpoints import eventually
from tests.sandbox.receivers.hands import WEB

BODY = {"status": "monitoring", "message": "Issue resolved. Monitoring for stability."}


@pytest.fixture
def page() -> Iterator[StatusEndpoint]:
    with StatusEndpoint() as page:
        yield page


def post(page: StatusEndpoint, *, timeout: float = 5.0) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return WEB.post(page.posts_url, json=BODY, headers=headers, timeout=timeout)


def test_a_failure_lasts_for_as_many_requests_as_it_was_asked_for_and_nothing_is_done(
    page: StatusEndpoint,
) -> None:
    page.fail(2, status=503, retry_after=7)

    answers = [post(page) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]
    assert len(page.posts) == 1


def test_requests_that_a_fault_befell_are_remembered_too(page: StatusEndpoint) -> None:
    page.fail(1)

    post(page)
    post(page)

    assert [each.json() for each in page.requests("POST", "/api/incidents")] == [BODY, BODY]


def test_a_failure_without_a_count_lasts_until_it_is_mended(page: StatusEndpoint) -> None:
    page.fail(status=429)
    assert {post(page).status_code for _ in range(3)} == {429}

    page.mend()

    assert post(page).status_code == 201


def test_a_failure_of_one_path_leaves_the_others_alone(page: StatusEndpoint) -> None:
    page.fail(path="/elsewhere")

    assert post(page).status_code == 201


def test_a_web_page_may_come_in_place_of_an_answer(page: StatusEndpoint) -> None:
    page.html(1)

    answer = post(page)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert not page.posts


def test_a_lost_answer_hides_what_was_done(page: StatusEndpoint) -> None:
    page.lose_answers()

    assert post(page).status_code == 502
    assert len(page.posts) == 1


def test_a_slow_request_is_carried_out_although_its_sender_has_gone(page: StatusEndpoint) -> None:
    page.slow(0.3, 1)

    with pytest.raises(httpx.ReadTimeout):
        post(page, timeout=0.1)

    eventually(lambda: page.posts)


def test_a_receiver_that_holds_requests_back_stops_at_once() -> None:
    page = StatusEndpoint()
    page.start()
    page.slow(60)
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post(page, timeout=30).status_code))
    sender.start()
    eventually(lambda: page.received)
    began = time.monotonic()

    page.stop()
    sender.join(10)

    assert time.monotonic() - began < 5
    assert answers == [503]
    assert not page.posts


def test_what_the_runbooks_command_posts_is_shown(page: StatusEndpoint) -> None:
    form = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}

    answer = WEB.post(page.posts_url, content=b'{"status": "monitoring", "message": "Fixed."}', headers=form)

    assert answer.status_code == 201
    assert [(post.status, post.message) for post in page.posts] == [("monitoring", "Fixed.")]


@pytest.mark.parametrize(
    ("authorization", "body", "status"),
    [
        ("", b'{"status": "monitoring", "message": "m"}', 401),
        ("OAuth " + TOKEN, b'{"status": "monitoring", "message": "m"}', 401),
        ("Bearer " + TOKEN, b"status=monitoring", 400),
        ("Bearer " + TOKEN, b'{"status": "fine", "message": "m"}', 422),
        ("Bearer " + TOKEN, b'{"status": "monitoring"}', 422),
    ],
)
def test_the_plain_endpoint_refuses_a_wrong_post(
    page: StatusEndpoint, authorization: str, body: bytes, status: int
) -> None:
    answer = WEB.post(page.posts_url, content=body, headers={"Authorization": authorization})

    assert answer.status_code == status
    assert not page.posts
