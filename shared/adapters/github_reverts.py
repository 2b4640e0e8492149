"""Undoes commits in repositories on GitHub: as ``git revert`` would, or by a pull request of GitHub's."""

import re
from datetime import UTC, datetime, timedelta

from shared.adapters.github import api, fenced
from shared.adapters.github_repository import RIGHTS_NEEDED, Commit, Pull, Repository
from shared.adapters.json_api import TELL_SECONDS, Refused
from shared.domain.changes import Applied, RevertCommit
from shared.domain.owners import Reverted, Revertible
from shared.errors import PermanentError

TRAILER = "Backout-Response"

_AUTHOR = {"name": "Backout", "email": "noreply@backout.dev"}
_SHA = re.compile("[0-9a-f]{7,40}")
CLOCKS = timedelta(minutes=1)
"""How far the clocks of GitHub, git and the cluster may be apart."""

_WHOLE, _SHORT = 40, 10
_LONGEST_TITLE = 240  # of 256, with what is put around it
_PROTECTED = re.compile(
    "protected|rule violations|pull request|status check|authorized to push|review", re.IGNORECASE
)
_SKEW = timedelta(minutes=1)


class GitHubRepositories:
    """Reverts the tip of a branch by one commit on top of it, anything older by a pull request.

    The commit's tree is that of the tip's first parent, which is what ``git revert -m 1 HEAD`` and ``git
    revert HEAD`` come to, so no merge is computed here. The update of the branch is fast-forward only: it
    fails when somebody has pushed meanwhile.
    """

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        graphql = f"{url.rstrip('/').removesuffix('/v3')}/graphql"  # at GitHub Enterprise beside ``/api/v3``
        self._api = api(url, token, seconds=seconds)
        self._graphql = api(graphql, token, seconds=seconds)

    def look(
        self, repository: str, branch: str, commit: str, *, no_later_than: datetime | None = None
    ) -> Revertible:
        if _SHA.fullmatch(commit) is None:
            return Revertible(obstacle=f"{commit[:50]!r} is no commit's name of 7 to 40 hex digits")
        if not branch or ".." in branch:
            return Revertible(obstacle=f"{branch[:100]!r} is no branch's name")
        return _look(self._repository(repository), branch, commit, no_later_than)

    def apply(self, change: RevertCommit) -> Applied:
        repository = self._repository(change.repository)
        return _by_commit(repository, change) if change.by == "commit" else _by_pull(repository, change)

    def reverted(self, change: RevertCommit) -> Reverted | None:
        repository = self._repository(change.repository)
        if change.by == "commit":
            made = _made(repository, change)
            return Reverted(made.html_url, made.sha) if made is not None else None
        brought = _brought(repository, change)
        found = _revert_of(repository, change, brought) if brought is not None else None
        if found is None or (found.state == "closed" and not found.merged):
            return None
        return Reverted(found.html_url, found.merged, found.number)

    def _repository(self, name: str) -> Repository:
        calls = self._api.calls()
        return Repository(name, calls, self._graphql.calls(until=calls.until))


def _look(repository: Repository, branch: str, commit: str, no_later_than: datetime | None) -> Revertible:
    try:
        read = repository.branch(branch)
    except Refused as refused:
        if refused.status != 404:
            raise
        there = f"branch {branch} in {repository.name}"
        return Revertible(obstacle=f"there is no {there}, or the token may not see it")
    tip = read.commit
    if not tip.sha.startswith(commit):
        return _look_behind(repository, branch, commit, no_later_than)
    if _is_younger(tip, no_later_than):
        return _too_young(tip)
    if not tip.parent:
        return Revertible(obstacle=f"{commit[:_SHORT]} is the first commit: there is nothing to go back to")
    if f"\n{TRAILER}: " in tip.message:
        return Revertible(obstacle=f"{commit[:_SHORT]} is itself a revert by Backout")
    if repository.tree(tip.parent) == tip.tree:
        return Revertible(obstacle=f"{commit[:_SHORT]} changes no file: undoing it would change nothing")
    if not read.protected:
        return Revertible(by="commit")
    return _look_for_pull(repository, branch, tip.sha, f"{branch} is protected")


def _is_younger(commit: Commit, no_later_than: datetime | None) -> bool:
    return no_later_than is not None and commit.made_at > no_later_than + CLOCKS


def _too_young(commit: Commit) -> Revertible:
    told = f"{commit.sha[:_SHORT]} is younger than the rollout, so it did not bring the bad revision"
    return Revertible(obstacle=f"{told}; name the commit that did")


def _look_behind(
    repository: Repository, branch: str, commit: str, no_later_than: datetime | None
) -> Revertible:
    try:
        compared = repository.compare(commit, branch)
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
        return Revertible(obstacle=f"{repository.name} knows no commit {commit[:_SHORT]}")
    if not compared.holds:
        return Revertible(obstacle=f"{commit[:_SHORT]} is not in {branch}")
    if _is_younger(compared.base_commit, no_later_than):
        return _too_young(compared.base_commit)
    sha = compared.base_commit.sha
    for later in repository.newest(branch):
        if _undoes(later.message, sha):
            return Revertible(obstacle=f"{later.sha[:_SHORT]} on {branch} undoes it already")
    return _look_for_pull(repository, branch, sha, f"{commit[:_SHORT]} is no longer the tip of {branch}")


def _look_for_pull(repository: Repository, branch: str, sha: str, why: str) -> Revertible:
    if repository.brought(sha, branch) is None:
        return Revertible(obstacle=f"{why}, and no merged pull request brought it")
    return Revertible(by="pull_request")


def _by_commit(repository: Repository, change: RevertCommit) -> Applied:
    tip = repository.branch(change.branch).commit
    if not _is(tip.sha, change.commit):
        return _moved(repository, change)
    if not tip.parent:
        raise PermanentError(f"{tip.sha[:_SHORT]} is the first commit: there is nothing to go back to")
    before = repository.tree(tip.parent)
    signature = {**_AUTHOR, "date": _time(change)}
    try:
        made = repository.make_commit(before, tip.sha, _message(change, tip), signature)
        repository.advance(change.branch, made)
    except Refused as refused:
        if "not a fast forward" in str(refused):
            return _moved(repository, change)
        raise _refusal(refused, change) from refused
    return Applied.CHANGED


def _moved(repository: Repository, change: RevertCommit) -> Applied:
    """Say whether it was this change that moved the branch."""
    return Applied.MOVED if _made(repository, change) is None else Applied.ALREADY


def _made(repository: Repository, change: RevertCommit) -> Commit | None:
    """Find the commit that this change put on the branch."""
    trailer = f"{TRAILER}: {change.response_id}"
    for commit in repository.until(change.branch, _time(change, later=_SKEW)):
        if trailer in commit.message.splitlines() and _undoes(commit.message, change.commit):
            return commit
    return None


def _message(change: RevertCommit, tip: Commit) -> str:
    """Return what git would write, with the cause and a trailer to know it by."""
    subject = tip.message.lstrip("\n").partition("\n")[0]
    merge = f", reversing\nchanges made to {tip.parent}" if len(tip.parents) > 1 else ""
    cause = " ".join(change.cause.split())
    return (
        f'Revert "{subject}"\n\nThis reverts commit {tip.sha}{merge}.\n\n'
        f"{cause}\n\n{TRAILER}: {change.response_id}\n"
    )


def _refusal(refused: Refused, change: RevertCommit) -> PermanentError:
    if _PROTECTED.search(str(refused)):
        return PermanentError(f"{change.branch} takes no commit without a pull request: {refused}")
    if refused.status in {403, 404}:
        return PermanentError(f"{refused}; {RIGHTS_NEEDED}")
    return PermanentError(f"{change.branch} could not be moved: {refused}")


def _by_pull(repository: Repository, change: RevertCommit) -> Applied:
    brought = _brought(repository, change)
    if brought is None:
        why = f"no merged pull request brought {change.commit[:_SHORT]} to {change.branch}"
        raise PermanentError(f"{why}: undo it by hand")
    if _revert_of(repository, change, brought) is not None:
        return Applied.ALREADY
    body = f"Reverts {repository.name}#{brought.number}\n\n{fenced(change.cause)}\n{_marker(change)}"
    repository.open_revert(brought, title=f'Revert "{brought.title[:_LONGEST_TITLE]}"', body=body)
    return Applied.CHANGED


def _brought(repository: Repository, change: RevertCommit) -> Pull | None:
    sha = change.commit
    if len(sha) < _WHOLE:
        sha = repository.compare(sha, change.branch).base_commit.sha
    return repository.brought(sha, change.branch)


def _revert_of(repository: Repository, change: RevertCommit, brought: Pull) -> Pull | None:
    """Find the pull request that undoes another: this change's, else anybody's that was not turned down.

    GitHub names its branch for the one that it undoes, with something after it where there is such a branch.
    """
    head = f"revert-{brought.number}-{brought.head.ref}"
    named = repository.pulls(change.branch, head=head)
    label = f"{repository.owner}:{head}".lower()
    ours = (
        pull
        for pull in (*named, *repository.pulls(change.branch))
        if _marker(change) in (pull.body or "") and (pull.head.label or "").lower().startswith(label)
    )
    theirs = (pull for pull in named if pull.state == "open" or pull.merged)
    return next(ours, None) or next(theirs, None)


def _marker(change: RevertCommit) -> str:
    return f"<!-- backout:{change.response_id}/revert -->"


def _is(sha: str, commit: str) -> bool:
    return _SHA.fullmatch(commit) is not None and sha.startswith(commit)


def _undoes(message: str, commit: str) -> bool:
    return f"This reverts commit {commit}" in message


def _time(change: RevertCommit, *, later: timedelta = timedelta()) -> str:
    return f"{datetime.fromisoformat(change.at).astimezone(UTC) + later:%Y-%m-%dT%H:%M:%SZ}"
