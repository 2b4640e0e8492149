import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted
from shared.adapters.github_issues import LONGEST_BODY, GitHubTracker
from shared.errors import PermanentError, TemporaryError
from shared.ports import NewIssue

NAME = "shop/checkout"
PLACE = f"/repos/{NAME}/issues"
ID = "20260302-120000-0a1b2c3d"
NOW = datetime.now(UTC).replace(microsecond=0)
WANTED = NewIssue(NAME, f"report:{ID}", NOW, "checkout: rolled back", "It was rolled back.")


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


def tracker(github: GitHub, *, token: str = TOKEN) -> GitHubTracker:
    return GitHubTracker(github.url, token, seconds=6.0)


def ours(github: GitHub) -> list[str]:
    return [issue.reference for issue in github.issues.values() if issue.user == "backout-bot"]


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_it_is_looked_for_among_the_newest_and_then_made_with_a_hidden_marker(github: GitHub) -> None:
    tracker(github).file(replace(WANTED, labels=("incident",), assignees=("alice",)))

    look, made = github.received
    assert (look.method, look.path) == ("GET", PLACE)
    assert look.query == {
        "state": "all",
        "sort": "created",
        "direction": "desc",
        "since": stamp(NOW - timedelta(minutes=2)),
        "per_page": "50",
        "page": "1",
    }
    assert made.method == "POST"
    assert made.json() == {
        "title": "checkout: rolled back",
        "body": f"It was rolled back.\n\n<!-- backout:report:{ID} -->",
        "labels": ["incident"],
        "assignees": ["alice"],
    }


def test_an_answer_that_got_lost_makes_no_second_issue(github: GitHub) -> None:
    github.lose_answers(method="POST")
    with pytest.raises(TemporaryError):
        tracker(github).file(WANTED)

    [made] = ours(github)
    assert tracker(github).file(WANTED).reference == made
    assert ours(github) == [made]


def test_a_marker_is_known_again_whatever_ends_its_line(github: GitHub) -> None:
    made = github.issue(NAME, "by us", body=f"x\r\n\r\n<!-- backout:{WANTED.key} -->\r\n")

    assert tracker(github).file(WANTED).reference == made.reference


@pytest.mark.parametrize("others", [0, 49, 50, 120])
def test_it_is_found_however_many_came_after_it(github: GitHub, others: int) -> None:
    first = tracker(github).file(WANTED)
    for number in range(others):
        github.issue(NAME, f"another {number}")

    assert tracker(github).file(WANTED).reference == first.reference
    assert len(ours(github)) == 1


def test_among_more_than_can_be_looked_through_none_is_made(github: GitHub) -> None:
    for number in range(520):
        github.issue(NAME, f"another {number}")

    with pytest.raises(PermanentError, match="over 500 issues since"):
        tracker(github).file(WANTED)
    assert ours(github) == []


def test_a_marker_within_a_text_is_no_marker(github: GitHub) -> None:
    github.issue(NAME, "quoted", body=f"> see <!-- backout:{WANTED.key} --> there")

    tracker(github).file(WANTED)

    assert len(ours(github)) == 1


def test_who_cannot_be_an_assignee_is_left_out_rather_than_the_issue(github: GitHub) -> None:
    filed = tracker(github).file(replace(WANTED, assignees=("stranger",)))

    assert github.issues[filed.reference].assignees == ()
    assert len(ours(github)) == 1


def test_what_is_too_long_is_cut_to_what_github_takes_with_its_marker(github: GitHub) -> None:
    filed = tracker(github).file(replace(WANTED, title="t" * 300, body="b" * 70_000))

    made = github.issues[filed.reference]
    assert len(made.title) == 250
    assert made.body == f"{'b' * LONGEST_BODY}\n\n<!-- backout:{WANTED.key} -->"


@pytest.mark.parametrize("fail", [{"status": 503}, {"status": 429, "retry_after": 7}, {"status": 500}])
def test_what_may_pass_is_tried_again(github: GitHub, fail: dict[str, Any]) -> None:
    github.fail(**fail)

    with pytest.raises(TemporaryError) as error:
        tracker(github).file(WANTED)

    assert error.value.retry_after >= fail.get("retry_after", 0)
    assert ours(github) == []


def test_a_token_that_is_not_accepted_is_refused_and_never_told(github: GitHub) -> None:
    wrong = "ghp_" + "wrong"
    with pytest.raises(PermanentError, match="its token is not accepted") as error:
        tracker(github, token=wrong).file(WANTED)

    assert wrong not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_write_issues_is_refused_in_words(tmp_path: Path, status: int) -> None:
    hosted = Hosted(Repository(tmp_path), issues="read", refuses_with=status)
    with (
        GitHub(repositories={"shop/incidents": hosted}) as github,
        pytest.raises(PermanentError, match=f"answered {status}"),
    ):
        tracker(github).file(replace(WANTED, repository="shop/incidents"))


@pytest.mark.parametrize("status", [403, 404])
def test_a_template_that_may_not_be_read_is_none(github: GitHub, status: int) -> None:
    github.fail(status=status, path=f"/repos/{NAME}/contents")

    assert tracker(github).template(NAME, "/.github/ISSUE_TEMPLATE/incident.yml") is None
    assert github.received[0].path == f"/repos/{NAME}/contents/.github/ISSUE_TEMPLATE/incident.yml"


def test_a_template_is_asked_for_again_while_github_is_away(github: GitHub) -> None:
    github.fail(status=503)

    with pytest.raises(TemporaryError):
        tracker(github).template(NAME, "incident.yml")


def test_an_issue_that_is_none_is_refused_before_anything_is_asked(github: GitHub) -> None:
    with pytest.raises(PermanentError):
        tracker(github).look("shop/checkout")
    assert github.received == []
