"""GitHub: issues with comments, and repositories with pull requests, through its APIs."""

import itertools
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.receivers.github_answers import error, invalid, page, refused
from sandbox.receivers.github_gates import App, GateRoutes
from sandbox.receivers.github_git import GitRoutes, body_of, repository_name
from sandbox.receivers.github_hosted import Hosted
from sandbox.receivers.github_issues import MOST_BODY, FiledIssue, IssueRoutes
from sandbox.receivers.github_pulls import PullRoutes
from sandbox.receivers.rates import Allowance
from sandbox.receivers.receiving import Act, Clock, Received, Receiver, Refused, bearer, decoded

TOKEN = "ghp_sandbox0000000000"  # noqa: S105 - made up, worth nothing outside the sandbox
ISSUES = MappingProxyType({"shop/checkout#12": "Checkout is failing"})

NO_REPOSITORIES: Mapping[str, Hosted] = MappingProxyType({})

_ACCEPT = "application/vnd.github+json"
_VERSIONS = ("2022-11-28",)
_COMMENTS_PER_MINUTE = 80


@dataclass(frozen=True)
class Comment:
    """A comment; `issue` is written ``owner/repo#12``."""

    id: int
    issue: str
    body: str
    user: str
    created_at: str


class CommentBody(msgspec.Struct, forbid_unknown_fields=True):
    body: Annotated[str, Meta(min_length=1)]


class GitHub(Receiver):
    """Some issues (``owner/repo#12``, with their titles) and repositories, for one user and one app.

    Checked as documented; stricter, `Accept` and `X-GitHub-Api-Version` must be those that GitHub
    recommends, and a field that is not known is refused.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        login: str = "backout-bot",
        issues: Mapping[str, str] = ISSUES,
        repositories: Mapping[str, Hosted] = NO_REPOSITORIES,
        assignable: Collection[str] = ("alice", "bob"),
        app: App | None = None,
        clock: Clock = time.time,
        port: int = 0,
    ) -> None:
        self._repositories = repositories
        self._git = GitRoutes(repositories, admit=self._admit, login=login, clock=clock)
        self._pulls = PullRoutes(repositories, self._git, admit=self._admit, login=login)
        self._issues = IssueRoutes(
            repositories,
            issues,
            admit=self._admit,
            comments=lambda issue: sum(comment.issue == issue for comment in self.comments),
            login=login,
            assignable=assignable,
            clock=clock,
        )
        self.gates = GateRoutes(self._git, app=app, admit=self._admit, clock=clock)
        super().__init__(clock=clock, port=port)
        self.comments: list[Comment] = []
        self._token, self._login = token, login
        self._writes = Allowance(burst=_COMMENTS_PER_MINUTE, per_second=_COMMENTS_PER_MINUTE / 60)
        self._numbers = itertools.count(1_001)

    @property
    def issues(self) -> dict[str, FiledIssue]:
        """The issues as they are, by reference; a test may put others in their place."""
        return self._issues.issues

    def issue(self, repository: str, title: str, **fields: Any) -> FiledIssue:
        """Make an issue, as someone else would."""
        return self._issues.make(repository, title, **fields)

    def comment(self, issue: str, body: str, *, user: str) -> Comment:
        """Comment on an issue, as someone else would."""
        created_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        comment = Comment(next(self._numbers), issue, body, user, created_at)
        self.comments.append(comment)
        return comment

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        return [
            ("GET", "/user", self._user),
            ("GET", "/rate_limit", self._rate_limit),
            ("GET", "/repos/{owner}/{repo}", self._repository),
            ("GET", "/repos/{owner}/{repo}/issues/{number:int}/comments", self._list),
            ("POST", "/repos/{owner}/{repo}/issues/{number:int}/comments", self._post),
            *self._issues.routes(lambda: self.url),
            *self._pulls.routes(),
            *self.gates.routes(),
            *self._git.routes(),
        ]

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        return JSONResponse(error(status, message), status, headers)

    def not_found(self) -> Response:
        return JSONResponse(error(404, "Not Found"), 404)

    def _admit(self, received: Received) -> None:
        if not received.headers.get("user-agent"):
            why = "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
            raise Refused(PlainTextResponse(f"{why} header.", 403))
        token = bearer(received) or bearer(received, "token")
        if token != self._token and not self.gates.knows(token or ""):
            why = "Requires authentication" if token is None else "Bad credentials"
            raise refused(401, why)
        if received.headers.get("accept") != _ACCEPT:
            raise refused(415, f"Unsupported 'Accept' header: must be {_ACCEPT}")
        if received.headers.get("x-github-api-version") not in _VERSIONS:
            why = f"X-GitHub-Api-Version must be one of {', '.join(_VERSIONS)}"
            raise refused(400, why)
        wait_seconds = 0.0 if received.method == "GET" else self._writes.take(self._token, now=self._clock())
        if wait_seconds > 0:
            why = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            raise refused(403, why, {"Retry-After": str(math.ceil(wait_seconds))})

    def _user(self, received: Received) -> Response:
        self._admit(received)
        return JSONResponse({"login": self._login, "id": 1, "type": "User"})

    def _rate_limit(self, received: Received) -> Response:
        self._admit(received)
        core = {"limit": 5000, "remaining": 4999, "reset": int(self._clock()) + 3600, "used": 1}
        return JSONResponse({"resources": {"core": core}, "rate": core})

    def _repository(self, received: Received) -> Response:
        self._admit(received)
        name = repository_name(received)
        hosted = self._repositories.get(name)
        if not self._issues.known(name):
            raise Refused(self.not_found())
        pushes = hosted is not None and hosted.contents == "write"
        permissions = {"admin": False, "push": pushes, "pull": True}
        repository = {"id": 1, "full_name": name, "private": True, "has_issues": True, "archived": False}
        repository["default_branch"] = "main"
        return JSONResponse({**repository, "permissions": permissions})

    def _list(self, received: Received) -> Response:
        """Answer one page, the oldest comment first, with links to the pages around it."""
        self._admit(received)
        issue = self._issues.named(received)
        every = [comment for comment in self.comments if comment.issue == issue]
        if since := received.query.get("since"):
            every = [comment for comment in every if comment.created_at >= since]
        at, size = page(received)
        last = max(1, math.ceil(len(every) / size))
        start, links = (at - 1) * size, []
        for relation, number in (("prev", at - 1), ("next", at + 1), ("first", 1), ("last", last)):
            useful = at > 1 if relation in {"prev", "first"} else at < last
            if useful:
                query = urlencode({**received.query, "page": number})
                links.append(f'<{self.url}{received.path}?{query}>; rel="{relation}"')
        headers = {"Link": ", ".join(links)} if links else {}
        return JSONResponse([self._shown(each) for each in every[start : start + size]], headers=headers)

    def _post(self, received: Received) -> Response:
        self._admit(received)
        issue = self._issues.named(received)
        body = body_of(received)
        text = decoded(body, CommentBody, refuse=lambda why: invalid("IssueComment", "body", why)).body
        if len(text) > MOST_BODY:
            why = f"Body is too long (maximum is {MOST_BODY} characters)"
            raise Refused(invalid("IssueComment", "data", why, code="unprocessable"))
        return JSONResponse(self._shown(self.comment(issue, text, user=self._login)), 201)

    def _shown(self, comment: Comment) -> dict[str, Any]:
        path, _, number = comment.issue.partition("#")
        return {
            "id": comment.id,
            "url": f"{self.url}/repos/{path}/issues/comments/{comment.id}",
            "html_url": f"https://github.com/{path}/issues/{number}#issuecomment-{comment.id}",
            "issue_url": f"{self.url}/repos/{path}/issues/{number}",
            "body": comment.body,
            "user": {"login": comment.user, "type": "User"},
            "created_at": comment.created_at,
            "updated_at": comment.created_at,
            "author_association": "COLLABORATOR",
        }
