"""GitHub: pull requests through its REST API, and their revert through its GraphQL API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import JSONResponse, Response

from sandbox.git import GitFailed
from sandbox.receivers.github_answers import page, refused
from sandbox.receivers.github_git import (
    RIGHT_LACKS,
    GitRoutes,
    body_of,
    commit_named,
    lacking,
    repository_name,
)
from sandbox.receivers.github_hosted import Hosted, PullRequest
from sandbox.receivers.receiving import Act, Received, decoded

_CONFLICT = (
    "Sorry, this pull request couldn't be reverted automatically. It may have already been reverted, or the "
    "content may have changed since it was merged."
)


class RevertInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    pull_request_id: str
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    draft: bool = False
    client_mutation_id: str | UnsetType = UNSET


class Variables(msgspec.Struct, forbid_unknown_fields=True):
    input: RevertInput


class Query(msgspec.Struct, forbid_unknown_fields=True):
    query: str
    variables: Variables


class PullRoutes:
    """What there is of the API. Of GraphQL it knows one mutation, ``revertPullRequest``, by its variables."""

    def __init__(
        self,
        repositories: Mapping[str, Hosted],
        git: GitRoutes,
        *,
        admit: Callable[[Received], None],
        login: str,
    ) -> None:
        self._repositories, self._git, self._admit, self._login = repositories, git, admit, login

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            ("GET", "/repos/{owner}/{repo}/commits/{sha}/pulls", self._brought),
            ("GET", "/repos/{owner}/{repo}/pulls", self._list),
            ("GET", "/repos/{owner}/{repo}/pulls/{number:int}/reviews", self._reviews),
            ("POST", "/graphql", self._mutate),
        ]

    def _hosted(self, received: Received) -> Hosted:
        hosted = self._git.hosted(received)
        if hosted.pull_requests == "none":
            raise lacking(hosted, "pull_requests=read")
        return hosted

    def _brought(self, received: Received) -> Response:
        hosted = self._hosted(received)
        sha = commit_named(hosted.git, received.parameters["sha"], status=422)
        return JSONResponse([_shown(received, pull) for pull in hosted.brought(sha)])

    def _list(self, received: Received) -> Response:
        """List pull requests, the newest first; `head` is written ``owner:branch``, else it is ignored."""
        hosted, query = self._hosted(received), received.query
        owner = received.parameters["owner"]
        head, state = query.get("head", ""), query.get("state", "open")
        every = [
            pull
            for pull in reversed(hosted.pulls)
            if state in {"all", pull.state}
            and query.get("base", pull.base) == pull.base
            and (":" not in head or head == f"{owner}:{pull.head}")
        ]
        number, size = page(received)
        return JSONResponse([_shown(received, pull) for pull in every[(number - 1) * size : number * size]])

    def _reviews(self, received: Received) -> Response:
        hosted, number = self._hosted(received), int(received.parameters["number"])
        pull = next((pull for pull in hosted.pulls if pull.number == number), None)
        if pull is None:
            raise refused(404, "Not Found")
        shown = [
            {
                "user": {"login": review.user, "type": review.kind},
                "state": review.state,
                "author_association": review.association,
            }
            for review in pull.reviews
        ]
        at, size = page(received)
        return JSONResponse(shown[(at - 1) * size : at * size])

    def _mutate(self, received: Received) -> Response:
        self._admit(received)
        body = body_of(received)
        query = decoded(body, Query, refuse=lambda why: JSONResponse({"errors": [{"message": why}]}))
        if "revertPullRequest(input: $input)" not in query.query:
            return JSONResponse({"errors": [{"message": "this stand-in knows revertPullRequest only"}]})
        wanted = query.variables.input
        found = [
            (name, hosted, pull)
            for name, hosted in self._repositories.items()
            for pull in hosted.pulls
            if _id(name, pull.number) == wanted.pull_request_id and hosted.contents != "none"
        ]
        if not found:
            why = f"Could not resolve to a node with the global id of '{wanted.pull_request_id}'"
            return _failed("NOT_FOUND", why)
        [(name, hosted, pull)] = found
        if (hosted.contents, hosted.pull_requests) != ("write", "write"):
            return _failed("FORBIDDEN", RIGHT_LACKS)
        if not pull.merged:
            return _failed("UNPROCESSABLE", "Pull request is not merged")
        title = wanted.title or f'Revert "{pull.title}"'
        try:
            made = hosted.revert(
                pull, title=title, body=wanted.body or f"Reverts {name}#{pull.number}", user=self._login
            )
        except GitFailed:
            return _failed("UNPROCESSABLE", _CONFLICT)
        answer = {"number": made.number, "url": _page(name, made.number), "headRefName": made.head}
        return JSONResponse({"data": {"revertPullRequest": {"revertPullRequest": answer}}})


def _failed(kind: str, message: str) -> Response:
    error = {"type": kind, "path": ["revertPullRequest"], "message": message}
    return JSONResponse({"data": {"revertPullRequest": None}, "errors": [error]})


def _shown(received: Received, pull: PullRequest) -> dict[str, Any]:
    name = repository_name(received)
    return {
        "number": pull.number,
        "node_id": _id(name, pull.number),
        "html_url": _page(name, pull.number),
        "state": pull.state,
        "title": pull.title,
        "body": pull.body or None,
        "user": {"login": pull.user},
        "merged_at": "2026-03-02T12:00:00Z" if pull.merged else None,
        # While it is open this is a merge that was tried, which is on no branch.
        "merge_commit_sha": pull.merged or "e" * 40,
        "head": {
            "ref": pull.head,
            "label": f"{received.parameters['owner']}:{pull.head}",
            "sha": pull.head_sha,
        },
        "base": {"ref": pull.base, "sha": pull.base_sha},
    }


def _page(name: str, number: int) -> str:
    return f"https://github.com/{name}/pull/{number}"


def _id(name: str, number: int) -> str:
    return f"PR_{name.replace('/', '_')}_{number}"
