"""Reviews at GitHub, on its stand-in: who belongs to the repository, and stands by an approval."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted, PullRequest, Review
from shared.adapters.github_access import GitHubAccess
from shared.adapters.github_gates import GitHubReviews
from shared.errors import PermanentError, TemporaryError


class World:
    def __init__(self, github: GitHub, pull: PullRequest) -> None:
        self.github, self.pull = github, pull
        self.reviews = GitHubReviews(GitHubAccess(github.url, TOKEN))

    def approver(self) -> str:
        return self.reviews.approver("shop/checkout", self.pull.number)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    repository = Repository.create(tmp_path / "checkout.git")
    repository.commit({"app.py": "one\n"}, "Begin")
    repository.move("fix", "main")
    repository.commit({"app.py": "two\n"}, "Mend", branch="fix")
    hosted = Hosted(repository)
    with GitHub(repositories={"shop/checkout": hosted}) as github:
        yield World(github, hosted.open("Mend", "fix"))


@pytest.mark.parametrize(
    ("reviews", "approver"),
    [
        ([], ""),
        ([Review("bob", "COMMENTED")], ""),
        ([Review("bob", "APPROVED")], "bob"),
        ([Review("bob", "APPROVED"), Review("bob", "COMMENTED")], "bob"),
        ([Review("bob", "APPROVED"), Review("bob", "CHANGES_REQUESTED")], ""),
        ([Review("bob", "DISMISSED")], ""),
        ([Review("bob", "CHANGES_REQUESTED"), Review("eve", "APPROVED")], "eve"),
        ([Review("eve", "APPROVED", association="NONE")], ""),
        ([Review("eve", "APPROVED", association="CONTRIBUTOR")], ""),
        ([Review("a-bot", "APPROVED", kind="Bot")], ""),
    ],
)
def test_only_a_person_of_the_repository_who_stands_by_it_counts(
    world: World, reviews: list[Review], approver: str
) -> None:
    world.pull.reviews = reviews
    assert world.approver() == approver


def test_the_last_word_counts_though_it_stands_on_a_later_page(world: World) -> None:
    talk = [Review("eve", "COMMENTED")] * 99
    world.pull.reviews = [Review("bob", "APPROVED"), *talk, Review("bob", "CHANGES_REQUESTED")]
    assert world.approver() == ""
    world.pull.reviews = [*talk, Review("eve", "COMMENTED")]
    assert world.approver() == ""


def test_a_pull_request_that_is_not_there_is_refused_and_a_host_that_is_away_asked_again(
    world: World,
) -> None:
    with pytest.raises(PermanentError):
        world.reviews.approver("shop/checkout", 999)
    world.github.fail(1)
    with pytest.raises(TemporaryError):
        world.approver()
