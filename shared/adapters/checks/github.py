"""Checks GitHub: the token works, and the issues that are commented on are there.

REST API of GitHub: ``GET /rate_limit`` is answered to any valid token, also to that of an app, and costs
nothing; ``GET /repos/{owner}/{repo}/issues/{number}`` answers 404 for what the token may not see.
"""

from collections.abc import Iterator, Sequence

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "GitHub"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


def check(url: str, token: str, issues: Sequence[str]) -> Sequence[Finding]:
    """Try the token, and read each issue (``owner/repo#12``)."""
    caller = Caller({**_HEADERS, "Authorization": f"Bearer {token}"})
    answer = caller.call("GET", f"{url}/rate_limit")
    if not answer.is_success:
        mend = (
            "Make a new token and put it where github.token says."
            if answer.status in (401, 403)
            else "Check github.url, and that the server can reach it."
        )
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    return [Finding(NAME, State.OK, "the token is accepted"), *_issues(caller, url, issues)]


def _issues(caller: Caller, url: str, issues: Sequence[str]) -> Iterator[Finding]:
    for issue in issues:
        repository, _, number = issue.partition("#")
        answer = caller.call("GET", f"{url}/repos/{repository}/issues/{number}")
        if not answer.is_success:
            mend = "Check the number, and give the token the right to read and write issues there."
            yield Finding(f"GitHub issue {issue}", State.BROKEN, answer.told, mend)
        else:
            yield Finding(f"GitHub issue {issue}", State.OK, "found")
