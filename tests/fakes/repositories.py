"""Repositories in memory: one branch whose tip is reverted, or a pull request that is opened."""

from dataclasses import dataclass, field

from shared.domain.changes import Applied, RevertCommit
from shared.domain.owners import Reverted, Revertible
from shared.errors import BackoutError


@dataclass
class FakeRepositories:
    """`tip` is the commit that the branch is at; `by` how a commit can be undone; `made` what was done."""

    tip: str = ""
    by: str = "commit"
    obstacle: str = ""
    made: dict[str, Reverted] = field(default_factory=dict)
    reverts: list[RevertCommit] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def look(self, repository: str, branch: str, commit: str) -> Revertible:
        self._fail()
        if self.obstacle:
            return Revertible(obstacle=self.obstacle)
        if self.by == "commit" and not self.tip.startswith(commit):
            return Revertible(obstacle=f"{commit} is not the tip of {branch}")
        return Revertible(self.by)

    def apply(self, change: RevertCommit) -> Applied:
        self._fail()
        if change.response_id in self.made:
            return Applied.ALREADY
        if change.by == "commit" and not self.tip.startswith(change.commit):
            return Applied.MOVED
        commit = f"5e{len(self.reverts):038d}" if change.by == "commit" else ""
        number = 0 if commit else 7
        url = f"https://github.example/{change.repository}/{'commit/' + commit if commit else 'pull/7'}"
        self.made[change.response_id] = Reverted(url, commit, number)
        self.tip = commit or self.tip
        self.reverts.append(change)
        return Applied.CHANGED

    def reverted(self, change: RevertCommit) -> Reverted | None:
        self._fail()
        made = self.made.get(change.response_id)
        return made if made is not None and bool(made.pull_request) == (change.by == "pull_request") else None

    def merge(self) -> None:
        """Merge the open pull requests, as a person does."""
        self.made = {
            id_: Reverted(made.url, made.commit or "6" * 40, made.pull_request)
            for id_, made in self.made.items()
        }

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
