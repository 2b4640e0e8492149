"""A repository as GitHub hosts it: over a real one on disk, with pull requests, protection, and rights."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sandbox.git import Repository

Right = Literal["none", "read", "write"]


@dataclass(frozen=True)
class Review:
    """What somebody said of a pull request; `association` is how they belong to the repository."""

    user: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    association: str = "MEMBER"
    kind: Literal["User", "Bot"] = "User"


@dataclass
class PullRequest:
    """A pull request; `merged` is the commit that brought it to `base`."""

    number: int
    title: str
    body: str
    head: str
    base: str
    head_sha: str
    base_sha: str
    user: str = "alice"
    state: Literal["open", "closed"] = "open"
    merged: str = ""
    reviews: list[Review] = field(default_factory=list)


@dataclass
class Hosted:
    """One repository, and what the token may do to it.

    `protected` holds branches and what is said of a commit that comes without a pull request. A right that
    lacks is refused with `refuses_with`: 403 to a fine-grained token, 404 to a classic one. `meanwhile` is
    done once, right before the next update of a branch, as someone would who is a moment quicker.
    """

    git: Repository
    contents: Right = "write"
    pull_requests: Right = "write"
    issues: Right = "write"
    statuses: Right = "write"
    protected: dict[str, str] = field(default_factory=dict)
    refuses_with: int = 403
    meanwhile: Callable[[], object] | None = None
    pulls: list[PullRequest] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    def open(
        self, title: str, head: str, *, base: str = "main", body: str = "", user: str = "alice"
    ) -> PullRequest:
        """Open a pull request for the branch `head`."""
        head_sha, base_sha = self.git.tip(head), self.git.tip(base)
        assert head_sha is not None
        assert base_sha is not None
        made = PullRequest(next(self._numbers), title, body, head, base, head_sha, base_sha, user)
        self.pulls.append(made)
        return made

    def merge(self, pull: PullRequest, *, squash: bool = False) -> str:
        """Merge a pull request, as the button does; return the commit that brought it."""
        message = (
            f"{pull.title} (#{pull.number})"
            if squash
            else f"Merge pull request #{pull.number} from shop/{pull.head}\n\n{pull.title}"
        )
        pull.merged = self.git.merge(pull.base, pull.head_sha, message, squash=squash)
        pull.state = "closed"
        return pull.merged

    def brought(self, sha: str) -> list[PullRequest]:
        """Return the pull requests that brought a commit, or are to bring it."""

        def holds(pull: PullRequest) -> bool:
            tip, base = (pull.merged, f"{pull.merged}^1") if pull.merged else (pull.head_sha, pull.base_sha)
            return sha in self.git.git("rev-list", tip, f"^{base}").split()

        return [pull for pull in self.pulls if holds(pull)]

    def revert(self, pull: PullRequest, *, title: str, body: str, user: str) -> PullRequest:
        """Open the pull request that undoes a merged one. Raises `GitFailed` where that conflicts."""
        made = self.git.revert(pull.merged, on=pull.base)
        name = f"revert-{pull.number}-{pull.head}"
        while self.git.tip(name) is not None:
            name = f"{name}-1"
        self.git.move(name, made)
        return self.open(title, name, base=pull.base, body=body, user=user)
