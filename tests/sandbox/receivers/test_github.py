from collections.abc import Iterator

import httpx
import pytest

from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from tests.sandbox.receivers.hands import WEB, HandClock

COMMENTS = "/repos/shop/checkout/issues/12/comments"
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "backout",
}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def github(clock: HandClock) -> Iterator[GitHub]:
    with GitHub(clock=clock) as github:
        yield github


@pytest.fixture(scope="module")
def strict() -> Iterator[GitHub]:
    """One for all the calls that leave nothing behind."""
    with GitHub() as github:
        yield github


def get(github: GitHub, path: str) -> httpx.Response:
    return WEB.get(f"{github.url}{path}", headers=HEADERS)


def post(github: GitHub, body: object = None, *, headers: dict[str, str] | None = None) -> httpx.Response:
    whole = {"body": "rolled back"} if body is None else body
    return WEB.post(f"{github.url}{COMMENTS}", json=whole, headers=headers or HEADERS)


def test_a_comment_is_kept_and_answered_with_its_address(github: GitHub) -> None:
    answer = post(github, {"body": "rolled back <!-- backout:k1 -->"})

    assert answer.status_code == 201
    assert answer.json()["html_url"].startswith("https://github.com/shop/checkout/issues/12#issuecomment-")
    assert [(each.issue, each.user, each.body) for each in github.comments] == [
        ("shop/checkout#12", "backout-bot", "rolled back <!-- backout:k1 -->")
    ]


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Authorization", "", 401),
        ("Authorization", "Bearer another", 401),
        ("Authorization", TOKEN, 401),
        ("User-Agent", "", 403),
        ("Accept", "*/*", 415),
        ("X-GitHub-Api-Version", "", 400),
        ("X-GitHub-Api-Version", "1999-01-01", 400),
    ],
)
def test_a_comment_with_a_wrong_header_is_refused(
    strict: GitHub, header: str, value: str, status: int
) -> None:
    assert post(strict, headers={**HEADERS, header: value}).status_code == status
    assert not strict.comments


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": "x" * 65_537}, {"text": "t"}, {"body": 1}])
def test_a_comment_with_a_wrong_body_is_refused(strict: GitHub, body: object) -> None:
    answer = post(strict, body)

    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert answer.json()["errors"][0]["resource"] == "IssueComment"
    assert not strict.comments


def test_a_body_that_is_not_json_is_refused(strict: GitHub) -> None:
    answer = WEB.post(f"{strict.url}{COMMENTS}", content=b"body=text", headers=HEADERS)

    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_the_longest_comment_is_taken(github: GitHub) -> None:
    assert post(github, {"body": "x" * 65_536}).status_code == 201


@pytest.mark.parametrize(
    "path",
    ["/repos/shop/checkout/issues/13", "/repos/shop/other", "/repos/shop/checkout/issues/x", "/nowhere"],
)
def test_what_does_not_exist_is_not_found(strict: GitHub, path: str) -> None:
    assert get(strict, path).status_code == 404


def test_comments_come_in_pages_the_oldest_first_with_links(github: GitHub) -> None:
    for number in range(70):
        github.comment("shop/checkout#12", f"comment {number}", user="alice")

    first = get(github, COMMENTS)
    last = WEB.get(first.links["last"]["url"], headers=HEADERS)

    assert [each["body"] for each in first.json()] == [f"comment {number}" for number in range(30)]
    assert [each["body"] for each in last.json()] == [f"comment {number}" for number in range(60, 70)]
    assert set(first.links) == {"next", "last"}
    assert set(last.links) == {"prev", "first"}
    assert len(get(github, f"{COMMENTS}?per_page=500").json()) == 70
    assert get(github, f"{COMMENTS}?per_page=50&page=2").json()[0]["body"] == "comment 50"


def test_comments_can_be_asked_for_since_a_time(github: GitHub, clock: HandClock) -> None:
    github.comment("shop/checkout#12", "old", user="alice")
    clock.now += 3600
    late = github.comment("shop/checkout#12", "new", user="alice")

    answer = get(github, f"{COMMENTS}?since={late.created_at}")

    assert [each["body"] for each in answer.json()] == ["new"]


def test_the_user_the_repository_and_the_issue_can_be_looked_up(github: GitHub) -> None:
    post(github)

    assert get(github, "/user").json()["login"] == "backout-bot"
    assert get(github, "/repos/shop/checkout").json()["full_name"] == "shop/checkout"
    assert get(github, "/repos/shop/checkout/issues/12").json()["comments"] == 1


def test_more_than_eighty_comments_a_minute_meet_the_secondary_limit(
    github: GitHub, clock: HandClock
) -> None:
    answers = [post(github) for _ in range(81)]
    clock.now += 1

    assert [answer.status_code for answer in answers] == [201] * 80 + [403]
    assert answers[-1].headers["Retry-After"] == "1"
    assert "secondary rate limit" in answers[-1].json()["message"]
    assert post(github).status_code == 201
