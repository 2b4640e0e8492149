"""Deploy gates at GitHub: a commit status on a branch's tip, and verdicts on deployments that wait."""

from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

import msgspec

from shared.adapters.github_access import GitHubAccess
from shared.adapters.json_api import Calls
from shared.domain.changes import Applied
from shared.domain.services import Service
from shared.ports import Asked

_LONGEST_DESCRIPTION = 140
_PER_PAGE = 100
_BELONG = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""Who belongs to a repository; of a public one anybody may review a pull request."""

_VERDICTS = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})


class _Repository(msgspec.Struct):
    default_branch: str


class _Status(msgspec.Struct):
    context: str
    state: str


class _Combined(msgspec.Struct):
    """Of each context the newest status, at most a hundred."""

    sha: str
    statuses: list[_Status] = []


class _User(msgspec.Struct):
    login: str
    type: str = "User"


class _Review(msgspec.Struct):
    """A review; `user` is none where the account is gone."""

    state: str
    author_association: str
    user: _User | None = None


class _Environment(msgspec.Struct):
    name: str


class _Pending(msgspec.Struct):
    environment: _Environment


class GitHubStatus:
    """A status under one context: failure while the place is closed, success once it is open again.

    The place is ``owner/repository@branch``. It marks the commit that is the branch's tip at that moment.
    """

    def __init__(self, access: GitHubAccess, context: str) -> None:
        self._access, self._context = access, context

    def place(self, service: Service) -> str:
        if not service.repository:
            return ""
        branch = service.branch or self._default_branch(service.repository)
        return f"{service.repository}@{branch}"

    def apply(self, place: str, *, closed: bool, why: str = "") -> Applied:
        repository, _, branch = place.partition("@")
        calls = self._access.calls(repository)
        path = f"/repos/{repository}/commits/heads/{quote(branch, safe='/')}/status?per_page=100"
        tip = calls.ask("GET", path, into=_Combined)
        state = "failure" if closed else "success"
        if any((each.context, each.state) == (self._context, state) for each in tip.statuses):
            return Applied.ALREADY
        body = {
            "state": state,
            "context": self._context,
            "description": (why if closed else "The deploy gate is open")[:_LONGEST_DESCRIPTION],
        }
        calls.send("POST", f"/repos/{repository}/statuses/{tip.sha}", body)
        return Applied.CHANGED

    def _default_branch(self, repository: str) -> str:
        calls = self._access.calls(repository)
        return calls.ask("GET", f"/repos/{repository}", into=_Repository).default_branch


class GitHubDeployments:
    """Deployments that wait for a custom protection rule of ours."""

    def __init__(self, access: GitHubAccess) -> None:
        self._access = access

    def answer(self, asked: Asked, *, approved: bool, comment: str, again: bool = False) -> Applied:
        """Answer; the first time without a look, for what waits is listed a moment after it is asked for."""
        calls = self._access.calls(asked.repository)
        run = f"/repos/{asked.repository}/actions/runs/{asked.run_id}"
        if again and not _waits(calls, run, asked.environment):
            return Applied.ALREADY
        body = {
            "environment_name": asked.environment,
            "state": "approved" if approved else "rejected",
            "comment": comment,
        }
        calls.send("POST", f"{run}/deployment_protection_rule", body)
        return Applied.CHANGED


class GitHubReviews:
    """Reviews of pull requests; of what one person said the last word counts, comments are none."""

    def __init__(self, access: GitHubAccess) -> None:
        self._access = access

    def approver(self, repository: str, number: int) -> str:
        last: dict[str, str] = {}
        for review in _reviews(self._access.calls(repository), f"/repos/{repository}/pulls/{number}"):
            user = review.user
            if user is None or user.type != "User" or review.author_association not in _BELONG:
                continue
            if review.state in _VERDICTS:
                last.pop(user.login, None)
                last[user.login] = review.state
        return next((login for login, state in reversed(last.items()) if state == "APPROVED"), "")


def _reviews(calls: Calls, pull: str) -> Iterator[_Review]:
    """Yield all reviews of a pull request, the oldest first: the last word may stand on the last page."""
    for page in count(1):
        path = f"{pull}/reviews?per_page={_PER_PAGE}&page={page}"
        found = calls.ask("GET", path, into=list[_Review])
        yield from found
        if len(found) < _PER_PAGE:
            return


def _waits(calls: Calls, run: str, environment: str) -> bool:
    pending = calls.ask("GET", f"{run}/pending_deployments", into=list[_Pending])
    return any(each.environment.name == environment for each in pending)
