"""Repositories in memory: one branch, and the pull requests that undo what is no longer its tip."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.domain.changes import Applied, RevertCommit
from shared.domain.owners import Reverted, Revertible
from shared.errors import BackoutError

HOST = "https://github.example"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class FakeRepositories:
    """`tip` is the commit that the branch is at; commits in `merged` were brought by pull requests.

    They were made at `made_at`. `by` of ``pull_request`` lets no commit onto the branch without one.
    `reverts` is what was done.
    """

    tip: str = ""
    by: str = "commit"
    obstacle: str = ""
    made_at: datetime = LONG_AGO
    merged: list[str] = field(default_factory=list)
    reverts: list[RevertCommit] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)
    _made: dict[tuple[str, str], Reverted | None] = field(default_factory=dict)

    def look(
        self, repository: str, branch: str, commit: str, *, no_later_than: datetime | None = None
    ) -> Revertible:
        self._fail()
        if no_later_than is not None and self.made_at > no_later_than:
            return Revertible(obstacle=f"{commit} is younger than the rollout")
        if self.obstacle:
            return Revertible(obstacle=self.obstacle)
        if any(made and made.commit for key, made in self._made.items() if key[1] == commit[:7]):
            return Revertible(obstacle=f"{commit} is undone already")
        if self.by == "pull_request" or self.tip.startswith(commit):
            return Revertible(self.by)
        if any(each.startswith(commit) for each in self.merged):
            return Revertible("pull_request")
        return Revertible(obstacle=f"{commit} is not the tip of {branch}")

    def apply(self, change: RevertCommit) -> Applied:
        self._fail()
        key = _key(change)
        if key in self._made:
            return Applied.ALREADY
        place = f"{HOST}/{change.repository}"
        if change.by == "pull_request":
            number = 7 + len(self.reverts)
            self._made[key] = Reverted(f"{place}/pull/{number}", pull_request=number)
        elif self.tip.startswith(change.commit):
            self.tip = f"5e{len(self.reverts):038d}"
            self._made[key] = Reverted(f"{place}/commit/{self.tip}", self.tip)
        else:
            return Applied.MOVED
        self.reverts.append(change)
        return Applied.CHANGED

    def reverted(self, change: RevertCommit) -> Reverted | None:
        self._fail()
        return self._made.get(_key(change))

    def merge(self) -> None:
        """Merge the open pull requests, as a person does."""
        for key, made in self._made.items():
            if made is not None and not made.commit:
                self.tip = "6" * 40
                self._made[key] = Reverted(made.url, self.tip, made.pull_request)

    def turn_down(self) -> None:
        """Close the open pull requests without merging them, as a person does."""
        for key, made in self._made.items():
            if made is not None and not made.commit:
                self._made[key] = None

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def _key(change: RevertCommit) -> tuple[str, str]:
    """Return whose revert it is: a commit is its response's, a pull request that is open will do for all."""
    return (change.response_id if change.by == "commit" else "", change.commit[:7])
