"""Tells people by comments on a GitHub issue or pull request."""

import re

import msgspec

from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi
from shared.errors import PermanentError
from shared.ports import Message

API_VERSION = "2022-11-28"

_REFERENCE = re.compile(r"(?P<owner>[\w-]+)/(?P<repository>[\w.-]+)#(?P<number>\d+)", re.ASCII)
_PER_PAGE = 100
_LONGEST_TEXT = 60_000  # a body may have 65,536 characters


class _Issue(msgspec.Struct):
    comments: int = 0


class _Comment(msgspec.Struct):
    id: int
    body: str | None = ""


class GitHubPeople:
    """Comments on the issue that a response is known by (``owner/repo#12``); without one nothing is sent.

    The message stands in a fenced block: names with ``@`` or ``#`` in it call nobody and link nothing. A
    hidden marker holds its key, by which a comment that may have been made is looked for among the last
    hundred or more.
    """

    def __init__(self, url: str, token: str, *, seconds: float = TELL_SECONDS) -> None:
        self._api = api(url, token, seconds=seconds)

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        reference = message.references.get("github", "")
        if not reference:
            return ""
        issue = issue_path(reference)
        marker = f"<!-- backout:{message.key} -->"
        calls = self._api.calls()
        if again:
            for comment in _last_comments(calls, issue):
                if marker in (comment.body or ""):
                    return str(comment.id)
        body = {"body": f"{_text(message)}\n{marker}"}
        return str(calls.ask("POST", f"{issue}/comments", body, into=_Comment).id)


def api(url: str, token: str, *, seconds: float) -> JsonApi:
    """Return GitHub's API, as the token's owner."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": API_VERSION,
    }
    return JsonApi("GitHub", url, headers=headers, secrets=[token], seconds=seconds)


def issue_path(reference: str) -> str:
    """Return the API's path of an issue named ``owner/repo#12``; raise PermanentError for anything else."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or match["repository"] in {".", ".."}:
        raise PermanentError(f"GitHub: {reference[:100]!r} names no issue, as owner/repository#12 does")
    return f"/repos/{match['owner']}/{match['repository']}/issues/{match['number']}"


def _last_comments(calls: Calls, issue: str) -> list[_Comment]:
    """Return the last comments, which the API lists oldest first: those of the last two pages."""
    count = calls.ask("GET", issue, into=_Issue).comments
    last = max(1, -(-count // _PER_PAGE))
    # One more than counted: another comment may have begun a page meanwhile.
    pages = range(max(1, last - 1), last + 1 + (count % _PER_PAGE == 0 and count > 0))
    return [
        comment
        for page in pages
        for comment in calls.ask(
            "GET", f"{issue}/comments?per_page={_PER_PAGE}&page={page}", into=list[_Comment]
        )
    ]


def _text(message: Message) -> str:
    lines = "\n".join((message.title, "", *message.lines))
    story = [fenced("\n".join(message.timeline))] if message.code == "ended" and message.timeline else []
    links = [f"[{name}]({url})" for name, url in message.links.items()]
    return "\n\n".join([fenced(lines), *story, *([" · ".join(links)] if links else [])])


def fenced(text: str) -> str:
    """Put text in a fence that is longer than any in it."""
    text = text[: _LONGEST_TEXT // 2]
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
