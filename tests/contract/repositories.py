"""What every host of repositories keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

import pytest

from shared.domain.changes import Applied, RevertCommit
from shared.domain.owners import Revertible
from shared.domain.workloads import WorkloadRef
from shared.ports import Repositories

NAME, BRANCH = "shop/checkout", "main"
ID = "20260302-120000-0a1b2c3d"
BY_COMMIT, BY_PULL = Revertible(by="commit"), Revertible(by="pull_request")


class World(ABC):
    """The repository `NAME` on a host, and what people do to its branch."""

    repositories: Repositories

    @abstractmethod
    def tip(self) -> str:
        """Return the commit that the branch is at."""

    @abstractmethod
    def brought(self) -> str:
        """Merge a pull request; return the commit that it brought, the tip."""

    @abstractmethod
    def push(self) -> None:
        """Push a commit of someone else's onto the branch."""

    @abstractmethod
    def protect(self) -> None:
        """Let no commit onto the branch without a pull request."""

    @abstractmethod
    def merge(self) -> None:
        """Merge the open pull request, as a person does."""

    @abstractmethod
    def turn_down(self) -> None:
        """Close the open pull request, as a person does who does not want it."""

    def look(self, commit: str) -> Revertible:
        return self.repositories.look(NAME, BRANCH, commit)


def revert_of(commit: str, *, by: str = "commit", response_id: str = ID) -> RevertCommit:
    return RevertCommit(
        workload=WorkloadRef("prod", "production", "deployment", "checkout"),
        response_id=response_id,
        repository=NAME,
        branch=BRANCH,
        commit=commit,
        by=by,
        at="2026-03-02T13:00:00.123456+01:00",
        cause=f"backout {ID}: revision 42 back to 41",
    )


class RepositoriesContract:
    """The suite."""

    # by a commit

    @pytest.mark.parametrize("digits", [7, 12, 40])
    def test_the_tip_is_undone_by_a_commit_on_top_of_it(self, world: World, digits: int) -> None:
        commit = world.brought()[:digits]
        change = revert_of(commit)

        assert world.look(commit) == BY_COMMIT
        assert world.repositories.reverted(change) is None
        assert world.repositories.apply(change) is Applied.CHANGED

        made = world.repositories.reverted(change)
        assert made is not None
        assert (made.commit, made.pull_request) == (world.tip(), 0)
        assert made.url.endswith(f"/{NAME}/commit/{made.commit}")
        assert made.commit != commit

    def test_what_is_done_twice_is_done_once(self, world: World) -> None:
        change = revert_of(world.brought())

        assert world.repositories.apply(change) is Applied.CHANGED
        made = world.tip()
        assert world.repositories.apply(change) is Applied.ALREADY
        assert world.tip() == made

    def test_it_is_known_again_when_others_have_pushed_since(self, world: World) -> None:
        change = revert_of(world.brought())
        world.repositories.apply(change)
        made = world.repositories.reverted(change)
        world.push()
        tip = world.tip()

        assert world.repositories.apply(change) is Applied.ALREADY
        assert world.repositories.reverted(change) == made
        assert world.tip() == tip

    def test_a_tip_that_moved_before_is_left_alone(self, world: World) -> None:
        change = revert_of(world.brought())
        world.push()
        tip = world.tip()

        assert world.repositories.apply(change) is Applied.MOVED
        assert world.tip() == tip
        assert world.repositories.reverted(change) is None

    def test_the_revert_of_another_response_is_not_ours(self, world: World) -> None:
        commit = world.brought()
        world.repositories.apply(revert_of(commit, response_id="another"))

        assert world.repositories.apply(revert_of(commit)) is Applied.MOVED
        assert world.repositories.reverted(revert_of(commit)) is None

    # what cannot be undone

    def test_an_unknown_commit_is_an_obstacle(self, world: World) -> None:
        world.brought()

        found = world.look("abcdef0" * 5)

        assert found.by == ""
        assert found.obstacle

    def test_a_commit_that_is_undone_is_an_obstacle(self, world: World) -> None:
        commit = world.brought()
        world.repositories.apply(revert_of(commit))

        assert "undo" in world.look(commit).obstacle
        assert world.look(commit).by == ""

    # by a pull request

    def test_an_older_commit_is_undone_by_a_pull_request(self, world: World) -> None:
        commit = world.brought()
        world.push()
        tip, change = world.tip(), revert_of(commit, by="pull_request")

        assert world.look(commit[:8]) == BY_PULL
        assert world.repositories.reverted(change) is None
        assert world.repositories.apply(change) is Applied.CHANGED

        made = world.repositories.reverted(change)
        assert made is not None
        assert made.commit == ""
        assert made.url.endswith(f"/{NAME}/pull/{made.pull_request}")
        assert world.tip() == tip

    def test_a_commit_on_a_protected_branch_needs_a_pull_request(self, world: World) -> None:
        commit = world.brought()
        world.protect()

        assert world.look(commit) == BY_PULL

    def test_a_pull_request_is_opened_once(self, world: World) -> None:
        change = revert_of(world.brought(), by="pull_request")

        assert world.repositories.apply(change) is Applied.CHANGED
        made = world.repositories.reverted(change)
        assert world.repositories.apply(change) is Applied.ALREADY
        assert world.repositories.reverted(change) == made

    def test_the_open_pull_request_of_another_response_will_do(self, world: World) -> None:
        commit = world.brought()
        other = revert_of(commit, by="pull_request", response_id="another")
        world.repositories.apply(other)
        change = revert_of(commit, by="pull_request")

        assert world.repositories.apply(change) is Applied.ALREADY
        assert world.repositories.reverted(change) == world.repositories.reverted(other) is not None

    def test_a_merged_pull_request_has_its_commit_on_the_branch(self, world: World) -> None:
        commit = world.brought()
        change = revert_of(commit, by="pull_request")
        world.repositories.apply(change)
        opened = world.repositories.reverted(change)
        world.merge()

        made = world.repositories.reverted(change)
        assert opened is not None
        assert made is not None
        assert (made.url, made.pull_request) == (opened.url, opened.pull_request)
        assert made.commit == world.tip()
        assert "undo" in world.look(commit).obstacle

    def test_one_of_ours_that_was_turned_down_is_not_opened_again(self, world: World) -> None:
        change = revert_of(world.brought(), by="pull_request")
        world.repositories.apply(change)
        world.turn_down()

        assert world.repositories.apply(change) is Applied.ALREADY
        assert world.repositories.reverted(change) is None
