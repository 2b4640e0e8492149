"""Checks a GitHub App: its key is accepted, and it is installed where it is needed, with the rights it needs.

REST API of GitHub: ``GET /app`` and ``GET /repos/{owner}/{repo}/installation``, to the app's own token.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from shared.adapters.checks.answering import Caller
from shared.adapters.github import API_VERSION
from shared.adapters.github_access import App, own_token
from shared.domain.prerequisites import Finding, State
from shared.errors import PermanentError

NAME = "GitHub App"


def rights(*, marks: bool, reads_reviews: bool) -> Mapping[str, str]:
    """Return the permissions that the app needs to answer deployments, and to do what else is configured."""
    more = {"statuses": "write"} if marks else {}
    more |= {"pull_requests": "read"} if reads_reviews else {}
    return {"actions": "read", "deployments": "write", **more}


class _Installation(Struct):
    permissions: dict[str, str] = {}


def check(
    url: str, id_: str, key: str, repositories: Sequence[str], wanted: Mapping[str, str]
) -> Sequence[Finding]:
    """Try the key, and look at the rights that the app has on each repository."""
    try:
        token = own_token(App(id_, key), datetime.now(UTC))
    except PermanentError as error:
        return [
            Finding(NAME, State.BROKEN, str(error), "Put the app's private key where github.app.key says.")
        ]
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
    caller = Caller({**headers, "Authorization": f"Bearer {token}"})
    answer = caller.call("GET", f"{url}/app")
    if not answer.is_success:
        mend = "Check github.app.id, and make a new private key for github.app.key."
        return [Finding(NAME, State.BROKEN, answer.told, mend)]
    rights = _installed(caller, url, repositories, wanted)
    return [Finding(NAME, State.OK, "its key is accepted"), *rights]


def _installed(
    caller: Caller, url: str, repositories: Sequence[str], wanted: Mapping[str, str]
) -> Iterator[Finding]:
    for repository in repositories:
        name = f"{NAME} on {repository}"
        answer = caller.call("GET", f"{url}/repos/{repository}/installation")
        found = answer.read(_Installation) if answer.is_success else None
        if found is None:
            yield Finding(name, State.BROKEN, answer.told, "Install the app on this repository.")
            continue
        lacks = [f"{right}: {level}" for right, level in wanted.items() if not _has(found, right, level)]
        if lacks:
            mend = "Give the app these permissions, and accept them where it is installed."
            yield Finding(name, State.BROKEN, f"it lacks {'; '.join(lacks)}", mend)
        else:
            yield Finding(name, State.OK, "installed, with the permissions it needs")


def _has(installation: _Installation, right: str, level: str) -> bool:
    return installation.permissions.get(right) in {level, "write"}
