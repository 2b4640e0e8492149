"""The contract of barriers for GitHub's commit statuses, and what only calls over a network show."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted
from shared.adapters.github_access import GitHubAccess
from shared.adapters.github_gates import GitHubStatus
from shared.domain.changes import Applied
from shared.errors import TemporaryError
from tests.contract.barriers import WHY, BarrierContract, BarrierWorld

CONTEXT = "backout/deploy-gate"


class GitHubWorld(BarrierWorld):
    def __init__(self, github: GitHub, hosted: Hosted) -> None:
        self.github, self.hosted = github, hosted
        self.barrier = GitHubStatus(GitHubAccess(github.url, TOKEN), CONTEXT)

    def closed(self) -> bool:
        states = [s.state for s in self.github.gates.statuses if s.sha == self.hosted.git.tip("main")]
        return states[-1:] == ["failure"]

    def changes(self) -> int:
        return len(self.github.gates.statuses)

    def refuse(self) -> None:
        self.hosted.statuses = "read"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitHubWorld]:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    repository = Repository.create(tmp_path / "checkout.git")
    repository.commit({"app.py": "one\n"}, "Begin")
    hosted = Hosted(repository)
    with GitHub(repositories={"shop/checkout": hosted}) as github:
        yield GitHubWorld(github, hosted)


class TestGitHubStatus(BarrierContract):
    pass


def test_the_tip_of_the_branch_is_marked_and_says_why(world: GitHubWorld) -> None:
    world.barrier.apply(world.place, closed=True, why=f"{WHY}{'x' * 140}")

    [status] = world.github.gates.statuses
    assert status.sha == world.hosted.git.tip("main")
    assert (status.context, status.state) == (CONTEXT, "failure")
    assert status.description.startswith(WHY)
    assert world.place == "shop/checkout@main"


def test_opening_marks_what_is_the_tip_by_then(world: GitHubWorld) -> None:
    world.barrier.apply(world.place, closed=True, why=WHY)
    fix = world.hosted.git.commit({"app.py": "fixed\n"}, "Mend")

    assert world.barrier.apply(world.place, closed=False) is Applied.CHANGED
    assert (world.github.gates.statuses[-1].sha, world.github.gates.statuses[-1].state) == (fix, "success")


def test_a_status_whose_answer_was_lost_is_not_set_twice(world: GitHubWorld) -> None:
    place = world.place
    world.github.lose_answers(path="/repos/shop/checkout/statuses")

    with pytest.raises(TemporaryError):
        world.barrier.apply(place, closed=True, why=WHY)

    assert world.barrier.apply(place, closed=True, why=WHY) is Applied.ALREADY
    assert world.changes() == 1


def test_a_host_that_is_away_is_asked_again_later(world: GitHubWorld) -> None:
    place = world.place
    world.github.fail(status=503, retry_after=7)

    with pytest.raises(TemporaryError) as away:
        world.barrier.apply(place, closed=True, why=WHY)

    assert away.value.retry_after == 7
