"""Checks the status page, by reading."""

from collections.abc import Sequence

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "status page"
METHOD_NOT_ALLOWED = 405


def statuspage(url: str, page: str, token: str) -> Sequence[Finding]:
    """Read the page from Atlassian's Statuspage, API v1."""
    answer = Caller({"Authorization": f"OAuth {token}"}).call("GET", f"{url}/pages/{page}")
    if answer.is_success:
        return [Finding(NAME, State.OK, f"the token is accepted, page {page} is there")]
    if answer.status in (401, 403):
        mend = "Make a new API key and put it where status_page.token says."
    elif answer.status == 404:
        mend = "Set status_page.page to the page's id, as its API settings show it."
    else:
        mend = "Check status_page.url, and that the server can reach it."
    return [Finding(NAME, State.BROKEN, answer.told, mend)]


def endpoint(url: str, token: str) -> Sequence[Finding]:
    """See whether a plain JSON endpoint answers; one that only takes POST says 405, and is well."""
    answer = Caller({"Authorization": f"Bearer {token}"} if token else {}).call("GET", url)
    if answer.is_success or answer.status == METHOD_NOT_ALLOWED:
        return [Finding(NAME, State.OK, "it answers; whether it takes a post is not tried")]
    mend = "Check status_page.url and status_page.token, and that the server can reach it."
    return [Finding(NAME, State.BROKEN, answer.told, mend)]
