"""Checks GitHub: the token works, and the issues and repositories are there that it is needed for.

REST API of GitHub: ``GET /rate_limit`` is answered to any valid token, also to that of an app, and costs
nothing; ``GET /repos/{owner}/{repo}/issues/{number}`` answers 404 for what the token may not see.
``GET /repos/{owner}/{repo}`` says what its user may do there. What of that the token itself may do shows of a
classic one only (``X-OAuth-Scopes``); of a fine-grained one, and of an app's, nothing tells without writing.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "GitHub"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


_REVERTS = "the rights to write contents and pull requests, which a revert takes"


class _May(Struct):
    push: bool = False


class _Repository(Struct):
    archived: bool = False
    has_issues: bool = True
    permissions: _May | None = None


def check(
    url: str,
    token: str,
    issues: Sequence[str],
    repositories: Sequence[str] = (),
    filed: Sequence[str] = (),
) -> Sequence[Finding]:
    """Try the token, read each issue (``owner/repo#12``) and each repository in which commits are undone.

    `filed` are the repositories in which issues are made.
    """
    caller = Caller({**_HEADERS, "Authorization": f"Bearer {token}"})
    answer = caller.call("GET", f"{url}/rate_limit")
    if not answer.is_success:
        mend = (
            "Make a new token and put it where github.token says."
            if answer.status in (401, 403)
            else "Check github.url, and that the server can reach it."
        )
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    return [
        Finding(NAME, State.OK, "the token is accepted"),
        *_issues(caller, url, issues),
        *(_reverts(caller, url, repository) for repository in repositories),
        *(_files(caller, url, repository) for repository in filed),
    ]


def _issues(caller: Caller, url: str, issues: Sequence[str]) -> Iterator[Finding]:
    for issue in issues:
        repository, _, number = issue.partition("#")
        answer = caller.call("GET", f"{url}/repos/{repository}/issues/{number}")
        if not answer.is_success:
            mend = "Check the number, and give the token the right to read and write issues there."
            yield Finding(f"GitHub issue {issue}", State.BROKEN, answer.told, mend)
        else:
            yield Finding(f"GitHub issue {issue}", State.OK, "found")


def _reverts(caller: Caller, url: str, repository: str) -> Finding:
    name = f"GitHub repository {repository}"
    answer = caller.call("GET", f"{url}/repos/{repository}")
    found = answer.read(_Repository) if answer.is_success else None
    if found is None:
        return Finding(
            name, State.BROKEN, answer.told, f"Check github.repository, and give the token {_REVERTS}."
        )
    if found.archived:
        return Finding(name, State.BROKEN, "is archived, and takes no commit", "Take github.revert away.")
    scopes = {scope.strip() for scope in answer.headers.get("X-OAuth-Scopes", "").split(",")} - {""}
    pushes = found.permissions is not None and found.permissions.push
    if not scopes:
        told = "its user may push" if pushes else "nothing tells that it may push"
        detail = f"found; {told}, but such a token does not show whether it has {_REVERTS}"
        return Finding(name, State.OK, detail)
    if pushes and scopes & {"repo", "public_repo"}:
        return Finding(name, State.OK, "the token may push and open pull requests")
    detail = "the token lacks the scope repo" if pushes else "the token's user may not push"
    return Finding(name, State.BROKEN, detail, f"Give the token {_REVERTS}.")


def _files(caller: Caller, url: str, repository: str) -> Finding:
    """Say whether issues can be made there: nothing tells whether the token may, without making one."""
    name = f"GitHub issues of {repository}"
    answer = caller.call("GET", f"{url}/repos/{repository}")
    found = answer.read(_Repository) if answer.is_success else None
    if found is None:
        mend = "Check report.github and follow_ups, and give the token the right to write issues there."
        return Finding(name, State.BROKEN, answer.told, mend)
    if found.archived or not found.has_issues:
        why = "is archived" if found.archived else "has no issues"
        return Finding(name, State.BROKEN, f"the repository {why}", "Name another repository.")
    return Finding(name, State.OK, "found; that the token may write issues shows only when it does")
