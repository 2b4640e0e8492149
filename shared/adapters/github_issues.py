"""Files issues on GitHub, and reads them again.

REST API of GitHub, issues and repository contents. An issue is looked for in the list of a repository's
newest, not by the search, whose index lags behind.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec

from shared.adapters import github_templates
from shared.adapters.github import api, issue_path
from shared.adapters.json_api import TELL_SECONDS, Calls, Refused
from shared.errors import PermanentError
from shared.ports import Issue, NewIssue, Template

LONGEST_BODY = 65_000  # of 65,536 characters; the marker comes after it
LONGEST_TITLE = 250  # of 256

_PER_PAGE = 50  # a body may have 64 KiB, an answer is read up to 8 MB
_MOST_PAGES = 10
_SKEW = timedelta(minutes=2)
_NOT_TO_SEE = frozenset({403, 404})
_GONE = 410  # 404 is said of what the token may not see, too


class _Found(msgspec.Struct):
    number: int
    html_url: str
    state: str
    created_at: datetime
    body: str | None = None
    pull_request: msgspec.Raw | None = None


class _Contents(msgspec.Struct):
    content: str
    encoding: str


class GitHubTracker:
    """Knows an issue again by a line that does not show: ``<!-- backout:KEY -->``."""

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        self._api = api(url, token, seconds=seconds)

    def template(self, repository: str, path: str) -> Template | None:
        place = f"{_repository(repository)}/contents/{quote(path.strip('/'))}"
        try:
            found = self._api.calls().ask("GET", place, into=_Contents)
            text = base64.b64decode(found.content).decode() if found.encoding == "base64" else ""
        except Refused as refused:
            if refused.status not in _NOT_TO_SEE:
                raise
            return None
        except (binascii.Error, UnicodeDecodeError):
            return None
        return github_templates.parse(path, text)

    def file(self, issue: NewIssue) -> Issue:
        calls, place = self._api.calls(), f"{_repository(issue.repository)}/issues"
        found = _found(calls, place, issue) or _made(calls, place, issue)
        return _issue(issue.repository, found)

    def look(self, reference: str) -> Issue | None:
        try:
            found = self._api.calls().ask("GET", issue_path(reference), into=_Found)
        except Refused as refused:
            if refused.status != _GONE:
                raise
            return None
        return _issue(reference.partition("#")[0], found)


def _repository(name: str) -> str:
    return issue_path(f"{name}#1").removesuffix("/issues/1")


def _found(calls: Calls, place: str, issue: NewIssue) -> _Found | None:
    """Look through the issues since then, the newest first."""
    since = issue.since.astimezone(UTC) - _SKEW
    query = {
        "state": "all",
        "sort": "created",
        "direction": "desc",
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        "per_page": str(_PER_PAGE),
    }
    for page in range(1, _MOST_PAGES + 1):
        listed = calls.ask("GET", f"{place}?{urlencode({**query, 'page': str(page)})}", into=list[_Found])
        for each in listed:
            if each.pull_request is None and _marker(issue) in (each.body or "").splitlines():
                return each
        if len(listed) < _PER_PAGE or listed[-1].created_at < since:
            return None
    many = _PER_PAGE * _MOST_PAGES
    raise PermanentError(
        f"GitHub: over {many} issues since {since:%H:%M} in {issue.repository}: ours may be one"
    )


def _made(calls: Calls, place: str, issue: NewIssue) -> _Found:
    body: dict[str, object] = {
        "title": issue.title[:LONGEST_TITLE],
        "body": f"{issue.body[:LONGEST_BODY].rstrip()}\n\n{_marker(issue)}",
    }
    body |= {"labels": list(issue.labels)} if issue.labels else {}
    if not issue.assignees:
        return calls.ask("POST", place, body, into=_Found)
    try:
        return calls.ask("POST", place, {**body, "assignees": list(issue.assignees)}, into=_Found)
    except Refused as refused:
        if refused.status != 422:
            raise
        return calls.ask("POST", place, body, into=_Found)


def _marker(issue: NewIssue) -> str:
    return f"<!-- backout:{issue.key} -->"


def _issue(repository: str, found: _Found) -> Issue:
    return Issue(f"{repository}#{found.number}", found.html_url, found.body or "", found.state == "open")
