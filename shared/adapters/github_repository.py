"""One repository on GitHub: its branches, commits and pull requests, by the REST and GraphQL APIs."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec

from shared.adapters.json_api import Calls
from shared.domain.reasons import Reason
from shared.errors import PermanentError, TemporaryError

_NAME = re.compile(r"(?P<owner>[\w-]+)/(?P<name>[\w.-]+)", re.ASCII)
_SEVERAL = 30
_MOST = 100
_LIMITED_SECONDS = 60.0  # GitHub's advice where a limit names no time
_REVERT = (
    "mutation($input: RevertPullRequestInput!) "
    "{ revertPullRequest(input: $input) { revertPullRequest { number url } } }"
)

_RIGHTS = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES", "NOT_FOUND"})
_LONGEST_QUOTE = 300

RIGHTS_NEEDED = "the token needs contents: write and pull requests: write on the repository"


class _Named(msgspec.Struct, frozen=True):
    sha: str


class _Signed(msgspec.Struct, frozen=True):
    date: datetime


class _Content(msgspec.Struct, frozen=True):
    message: str
    tree: _Named
    committer: _Signed


class Commit(msgspec.Struct, frozen=True):
    """A commit, as most of the API shows it."""

    sha: str
    html_url: str
    commit: _Content
    parents: tuple[_Named, ...]

    @property
    def message(self) -> str:
        return self.commit.message

    @property
    def tree(self) -> str:
        return self.commit.tree.sha

    @property
    def made_at(self) -> datetime:
        """When it was put where it is; a rebase or a merge makes a commit anew."""
        return self.commit.committer.date

    @property
    def parent(self) -> str:
        """The first parent, empty for a root commit."""
        return self.parents[0].sha if self.parents else ""


class Branch(msgspec.Struct, frozen=True):
    """A branch; `commit` is its tip. Protected is one by rules of either kind."""

    commit: Commit
    protected: bool


class Comparison(msgspec.Struct, frozen=True):
    """How a branch lies to a commit, whose whole name is that of `base_commit`."""

    status: str
    base_commit: Commit

    @property
    def holds(self) -> bool:
        """Whether the branch holds the commit."""
        return self.status in {"ahead", "identical"}


class _End(msgspec.Struct, frozen=True):
    ref: str
    label: str | None = None


class Pull(msgspec.Struct, frozen=True):
    """A pull request. `merge_commit_sha` is on the branch only where it is merged."""

    number: int
    node_id: str
    html_url: str
    state: str
    title: str
    head: _End
    base: _End
    body: str | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None

    @property
    def merged(self) -> str:
        """The commit that merged it, empty while it is not."""
        return (self.merge_commit_sha or "") if self.merged_at else ""


class _Stored(msgspec.Struct):
    sha: str
    tree: _Named


class _Failure(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Mutated(msgspec.Struct):
    errors: list[_Failure] = []


class Repository:
    """One repository, for the calls of one question or change; `graphql` are those to the other API."""

    def __init__(self, name: str, calls: Calls, graphql: Calls) -> None:
        match = _NAME.fullmatch(name)
        if match is None or match["name"] in {".", ".."}:
            raise PermanentError(f"GitHub: {name[:100]!r} names no repository, as owner/name does")
        self.name = name
        self.owner = match["owner"]
        self._path = f"/repos/{name}"
        self._calls = calls
        self._graphql = graphql

    def branch(self, name: str) -> Branch:
        """Read a branch with its tip."""
        return self._calls.ask("GET", f"{self._path}/branches/{_quoted(name)}", into=Branch)

    def compare(self, commit: str, branch: str) -> Comparison:
        """Say how `branch` lies to `commit`, which may be abbreviated."""
        # The second page: the files, up to 300 with what changed in them, are on the first.
        path = f"{self._path}/compare/{commit}...{_quoted(branch)}?per_page=1&page=2"
        return self._calls.ask("GET", path, into=Comparison)

    def tree(self, commit: str) -> str:
        """Return the tree of a commit, given by its whole name."""
        return self._calls.ask("GET", f"{self._path}/git/commits/{commit}", into=_Stored).tree.sha

    def newest(self, branch: str) -> Sequence[Commit]:
        """Return the last hundred commits of a branch, the newest first."""
        return self._listed({"sha": branch, "per_page": str(_MOST)})

    def until(self, branch: str, at: str) -> Sequence[Commit]:
        """Return some commits of a branch that were made by then, the newest first.

        Unlike a look at the newest it finds a commit of that time however many came after it.
        """
        return self._listed({"sha": branch, "until": at, "per_page": str(_SEVERAL)})

    def _listed(self, query: Mapping[str, str]) -> Sequence[Commit]:
        return self._calls.ask("GET", f"{self._path}/commits?{urlencode(query)}", into=list[Commit])

    def make_commit(self, tree: str, parent: str, message: str, signature: Mapping[str, str]) -> str:
        """Store a commit, on no branch yet; return its name. The same again is the same commit."""
        body = {
            "message": message,
            "tree": tree,
            "parents": [parent],
            "author": signature,
            "committer": signature,
        }
        return self._calls.ask("POST", f"{self._path}/git/commits", body, into=_Stored).sha

    def advance(self, branch: str, commit: str) -> None:
        """Let a branch point to a commit that follows its tip; anything else GitHub refuses."""
        path = f"{self._path}/git/refs/heads/{_quoted(branch)}"
        self._calls.send("PATCH", path, {"sha": commit, "force": False})

    def brought(self, commit: str, branch: str) -> Pull | None:
        """Return the merged pull request that brought a commit, given by its whole name, to a branch."""
        path = f"{self._path}/commits/{commit}/pulls?per_page={_SEVERAL}"
        found = [
            pull
            for pull in self._calls.ask("GET", path, into=list[Pull])
            if pull.merged and pull.base.ref == branch
        ]
        return next((pull for pull in found if pull.merged == commit), found[0] if found else None)

    def pulls(self, branch: str, *, head: str = "") -> Sequence[Pull]:
        """Return the newest pull requests into a branch, in any state; `head` is the branch they are from."""
        query = {"state": "all", "base": branch, "sort": "created", "direction": "desc"}
        query |= {"head": f"{self.owner}:{head}"} if head else {}
        path = f"{self._path}/pulls?{urlencode({**query, 'per_page': str(_SEVERAL)})}"
        return self._calls.ask("GET", path, into=list[Pull])

    def open_revert(self, pull: Pull, *, title: str, body: str) -> None:
        """Have GitHub open the pull request that undoes a merged one.

        GraphQL answers 200 to what it refuses; an error without a type is a fault or a time-out of its own.
        """
        wanted = {"pullRequestId": pull.node_id, "title": title, "body": body}
        asked = {"query": _REVERT, "variables": {"input": wanted}}
        for error in self._graphql.ask("POST", "", asked, into=_Mutated).errors:
            said = f"GitHub answered: {error.message[:_LONGEST_QUOTE]}"
            if error.type.startswith("RATE_LIMIT"):
                raise TemporaryError(said, retry_after=_LIMITED_SECONDS, reason=Reason.INTERNAL)
            if not error.type:
                raise TemporaryError(said, reason=Reason.INTERNAL)
            if error.type in _RIGHTS:
                raise PermanentError(f"{said}: {RIGHTS_NEEDED}")
            raise PermanentError(f"pull request #{pull.number} cannot be undone by itself; {said}")


def _quoted(branch: str) -> str:
    return quote(branch, safe="/")
