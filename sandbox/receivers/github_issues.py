"""GitHub: issues of repositories, and the files in them, through its REST API."""

import base64
import itertools
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import JSONResponse, Response

from sandbox.git import GitFailed
from sandbox.receivers.github_answers import invalid, page, refused
from sandbox.receivers.github_git import body_of, lacking, repository_name
from sandbox.receivers.github_hosted import Hosted
from sandbox.receivers.receiving import Act, Clock, Received, Refused, decoded

MOST_BODY = 65_536
_MOST_TITLE = 256
_FIRST_NUMBER = 201


@dataclass(frozen=True)
class FiledIssue:
    """An issue; `reference` is written ``owner/repo#12``."""

    reference: str
    title: str
    body: str = ""
    user: str = "alice"
    state: Literal["open", "closed"] = "open"
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    created_at: str = "2026-03-01T00:00:00Z"
    updated_at: str = "2026-03-01T00:00:00Z"


class NewIssue(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1)]
    body: str = ""
    labels: list[str] = []
    assignees: list[str] = []


class ChangedIssue(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    body: str | UnsetType = UNSET
    state: Literal["open", "closed"] | UnsetType = UNSET


class IssueRoutes:
    """What there is of the API for `issues` (by reference), which people may change too.

    Issues can be made in `repositories` and in those that have some. Whoever is not in `assignable` cannot
    be an assignee, for which GitHub refuses the whole issue.
    """

    def __init__(
        self,
        repositories: Mapping[str, Hosted],
        issues: Mapping[str, str],
        *,
        admit: Callable[[Received], None],
        comments: Callable[[str], int],
        login: str,
        assignable: Collection[str],
        clock: Clock,
    ) -> None:
        self.issues = {reference: FiledIssue(reference, title) for reference, title in issues.items()}
        self._repositories, self._admit, self._comments = repositories, admit, comments
        self._login, self._assignable, self._clock = login, assignable, clock
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._made: set[str] = set()

    def routes(self, url: Callable[[], str]) -> Sequence[tuple[str, str, Act]]:
        """Return the routes; `url` tells where they are reached."""
        self._url = url
        repository = "/repos/{owner}/{repo}"
        return [
            ("GET", f"{repository}/issues", self._list),
            ("POST", f"{repository}/issues", self._post),
            ("GET", f"{repository}/issues/{{number:int}}", self._get),
            ("PATCH", f"{repository}/issues/{{number:int}}", self._patch),
            ("GET", f"{repository}/contents/{{path:path}}", self._contents),
        ]

    def named(self, received: Received) -> str:
        """Name the issue that is asked for, if there is one."""
        reference = f"{repository_name(received)}#{received.parameters['number']}"
        if reference in self._made - self.issues.keys():
            raise refused(410, "This issue was deleted")
        if reference not in self.issues:
            raise refused(404, "Not Found")
        return reference

    def known(self, repository: str) -> bool:
        """Return whether there is a repository of that name."""
        return repository in self._repositories or any(i.startswith(f"{repository}#") for i in self.issues)

    def make(self, repository: str, title: str, **fields: Any) -> FiledIssue:
        """Make an issue now, as someone does."""
        at, reference = self._now(), f"{repository}#{next(self._numbers)}"
        issue = FiledIssue(reference, title, **{"created_at": at, "updated_at": at, **fields})
        self.issues[reference] = issue
        self._made.add(reference)
        return issue

    def _now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))

    def _open(self, received: Received, *, writes: bool = False) -> str:
        """Return the repository that is asked for, if its issues may be seen, and made where they are to."""
        self._admit(received)
        name = repository_name(received)
        hosted = self._repositories.get(name)
        if not self.known(name) or (hosted is not None and hosted.issues == "none"):
            raise refused(404, "Not Found")
        if hosted is not None and writes and hosted.issues == "read":
            raise lacking(hosted, "issues=write")
        return name

    def _list(self, received: Received) -> Response:
        """Answer one page; the parameters are those of the newest first, of any state."""
        name, query = self._open(received), received.query
        if not set(query) <= {"state", "sort", "direction", "since", "per_page", "page"}:
            raise refused(422, f"this stand-in knows not all of {sorted(query)}")
        states = {"all": {"open", "closed"}}.get(query.get("state", "open"), {query.get("state", "open")})
        since = query.get("since", "")
        every = [
            issue
            for reference, issue in self.issues.items()
            if reference.startswith(f"{name}#") and issue.state in states and issue.updated_at >= since
        ]
        ascending = query.get("direction", "desc") == "asc"
        every.sort(key=lambda issue: (issue.created_at, int(issue.reference.partition("#")[2])))
        every = every if ascending else every[::-1]
        at, size = page(received)
        last = max(1, math.ceil(len(every) / size))
        more = f"{self._url()}{received.path}?{urlencode({**query, 'page': at + 1})}"
        headers = {"Link": f'<{more}>; rel="next"'} if at < last else {}
        return JSONResponse(
            [self._shown(each) for each in every[(at - 1) * size : at * size]], headers=headers
        )

    def _post(self, received: Received) -> Response:
        name = self._open(received, writes=True)
        body = body_of(received)
        new = decoded(body, NewIssue, refuse=lambda why: invalid("Issue", "title", why))
        _check(new.title, new.body)
        strangers = [login for login in new.assignees if login not in self._assignable]
        if strangers:
            raise Refused(invalid("Issue", "assignees", f"{strangers[0]} cannot be an assignee"))
        made = self.make(
            name,
            new.title,
            body=new.body,
            user=self._login,
            labels=tuple(new.labels),
            assignees=tuple(new.assignees),
        )
        return JSONResponse(self._shown(made), 201)

    def _get(self, received: Received) -> Response:
        self._open(received)
        return JSONResponse(self._shown(self.issues[self.named(received)]))

    def _patch(self, received: Received) -> Response:
        self._open(received, writes=True)
        reference, body = self.named(received), body_of(received)
        changed = decoded(body, ChangedIssue, refuse=lambda why: invalid("Issue", "state", why))
        fields = {k: v for k, v in msgspec.structs.asdict(changed).items() if v is not UNSET}
        _check(str(fields.get("title", "")), str(fields.get("body", "")))
        issue = replace(self.issues[reference], **fields, updated_at=self._now())
        self.issues[reference] = issue
        return JSONResponse(self._shown(issue))

    def _contents(self, received: Received) -> Response:
        """Answer a file of the default branch, in base64 with line breaks."""
        name, path = self._open(received), received.parameters["path"]
        hosted = self._repositories.get(name)
        if hosted is None or hosted.contents == "none":
            raise refused(404, "Not Found")
        try:
            text = hosted.git.git("show", f"main:{path}") + "\n"
        except GitFailed:
            raise refused(404, "Not Found") from None
        packed = base64.encodebytes(text.encode()).decode()
        file = {"type": "file", "name": path.rpartition("/")[2], "path": path, "size": len(text.encode())}
        return JSONResponse({**file, "encoding": "base64", "content": packed})

    def _shown(self, issue: FiledIssue) -> dict[str, Any]:
        path, _, number = issue.reference.partition("#")
        return {
            "number": int(number),
            "url": f"{self._url()}/repos/{path}/issues/{number}",
            "html_url": f"https://github.com/{path}/issues/{number}",
            "title": issue.title,
            "body": issue.body or None,
            "state": issue.state,
            "locked": False,
            "comments": self._comments(issue.reference),
            "user": {"login": issue.user, "type": "User"},
            "labels": [{"name": label} for label in issue.labels],
            "assignees": [{"login": login} for login in issue.assignees],
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
        }


def _check(title: str, body: str) -> None:
    for name, text, most in (("title", title, _MOST_TITLE), ("body", body, MOST_BODY)):
        if len(text) > most:
            why = f"{name} is too long (maximum is {most} characters)"
            raise Refused(invalid("Issue", name, why))
