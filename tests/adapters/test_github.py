import time
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from shared.adapters.github import GitHubPeople, issue_path
from shared.errors import PermanentError, TemporaryError
from shared.ports import Message

ISSUE = "shop/checkout#12"
ID = "20260302-120000-0a1b2c3d"
ROLLED_BACK = Message(
    key=f"{ID}/tell#000006#github",
    title="checkout: rolled back to revision 8 (shop@sha256:0a1b); verifying",
    lines=("error_rate_high: 0.25 (threshold 0.1, P0)", "Because: @alice said so, see #7"),
    response_id=ID,
    severity="P0",
    links={"dashboard": "https://grafana.example.com/d/checkout", "runbook": "https://wiki.example.com/r"},
    code="rolled_back",
    service="checkout",
    phase="verify",
    timeline=("+0 s assess: accepted", "+9 s rollback: rolled back"),
    references={"github": ISSUE},
)
ENDED = replace(ROLLED_BACK, key=f"{ID}/tell#000009#github", code="ended", phase="completed", title="held")


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


def people(github: GitHub, *, token: str = TOKEN, seconds: float = 6.0) -> GitHubPeople:
    return GitHubPeople(github.url, token, seconds=seconds)


def test_a_message_is_a_comment_whose_names_call_nobody(github: GitHub) -> None:
    receipt = people(github).tell(ROLLED_BACK)

    [comment] = github.comments
    assert receipt == str(comment.id)
    assert comment.issue == ISSUE
    assert comment.body == (
        "```text\n"
        "checkout: rolled back to revision 8 (shop@sha256:0a1b); verifying\n"
        "\n"
        "error_rate_high: 0.25 (threshold 0.1, P0)\n"
        "Because: @alice said so, see #7\n"
        "```\n"
        "\n"
        "[dashboard](https://grafana.example.com/d/checkout) · [runbook](https://wiki.example.com/r)\n"
        f"<!-- backout:{ID}/tell#000006#github -->"
    )


def test_the_last_comment_tells_the_story(github: GitHub) -> None:
    people(github).tell(ENDED)

    assert "+9 s rollback: rolled back" in github.comments[0].body


def test_a_fence_in_a_message_does_not_end_the_fence_around_it(github: GitHub) -> None:
    people(github).tell(replace(ROLLED_BACK, lines=("```", "@everyone", "````")))

    body = github.comments[0].body
    assert body.startswith("`````text\n")
    assert "\n`````\n" in body


def test_a_message_without_an_issue_is_no_comment(github: GitHub) -> None:
    assert people(github).tell(replace(ROLLED_BACK, references={})) == ""
    assert github.received == []


@pytest.mark.parametrize("others", [0, 3, 99, 100, 150, 230])
def test_a_comment_whose_answer_was_lost_is_not_made_again(github: GitHub, others: int) -> None:
    for number in range(others):
        github.comment(ISSUE, f"remark {number}", user="alice")
    github.lose_answers()
    with pytest.raises(TemporaryError):
        people(github).tell(ROLLED_BACK)
    github.comment(ISSUE, "what was that?", user="alice")
    receipt = people(github).tell(ROLLED_BACK, again=True)

    ours = [comment for comment in github.comments if comment.user == "backout-bot"]
    assert [str(comment.id) for comment in ours] == [receipt]


def test_another_attempt_that_had_failed_is_made(github: GitHub) -> None:
    people(github).tell(ROLLED_BACK)
    people(github).tell(ENDED, again=True)

    assert len(github.comments) == 2


def test_a_long_message_is_cut_to_what_a_comment_may_have(github: GitHub) -> None:
    people(github).tell(replace(ENDED, lines=("x" * 90_000,), timeline=("y" * 90_000,)))

    assert github.comments[0].body.endswith(f"<!-- backout:{ENDED.key} -->")


@pytest.mark.parametrize("status", [403, 429, 500, 502])
def test_a_busy_or_broken_github_is_worth_another_try(github: GitHub, status: int) -> None:
    github.fail(status=status, retry_after=60)
    with pytest.raises(TemporaryError) as caught:
        people(github).tell(ROLLED_BACK)

    assert caught.value.retry_after == 60


def test_a_web_page_from_in_between_is_worth_another_try(github: GitHub) -> None:
    github.html()
    with pytest.raises(TemporaryError, match="web page"):
        people(github).tell(ROLLED_BACK)


@pytest.mark.parametrize("again", [False, True])
def test_a_slow_github_is_left_in_time(github: GitHub, *, again: bool) -> None:
    github.slow(30)
    started = time.monotonic()
    with pytest.raises(TemporaryError):
        people(github, seconds=0.6).tell(ROLLED_BACK, again=again)

    assert time.monotonic() - started < 2.0


def test_a_wrong_token_is_given_up_and_not_shown(github: GitHub) -> None:
    wrong = "ghp_wr0ng"
    with pytest.raises(PermanentError, match="401") as caught:
        people(github, token=wrong).tell(ROLLED_BACK)

    assert wrong not in "".join(traceback.format_exception(caught.value))


def test_an_issue_that_is_not_there_is_given_up(github: GitHub) -> None:
    with pytest.raises(PermanentError, match="404"):
        people(github).tell(replace(ROLLED_BACK, references={"github": "shop/checkout#13"}))


@pytest.mark.parametrize(
    "reference", ["12", "shop/checkout", "shop/checkout#", "shop/../admin#12", "shop/..#12", "a/b#1/../../x"]
)
def test_a_reference_that_names_no_issue_is_given_up(reference: str) -> None:
    with pytest.raises(PermanentError, match="names no issue"):
        issue_path(reference)


def test_a_reference_is_owner_repository_and_number() -> None:
    assert issue_path("my-shop/check_out.api#12") == "/repos/my-shop/check_out.api/issues/12"
