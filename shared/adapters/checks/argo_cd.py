"""Checks Argo CD: the token is accepted, and its account sees applications.

``GET /api/v1/session/userinfo`` says to whom the token belongs; ``GET /api/v1/applications`` lists those that
the account may see, none of them for a missing right.
"""

from collections.abc import Sequence

from msgspec import Struct

from shared.adapters.checks.answering import Caller
from shared.domain.prerequisites import Finding, State

NAME = "Argo CD"


class _User(Struct):
    loggedIn: bool = False  # noqa: N815 its name in the API
    username: str = ""


class _Spec(Struct, frozen=True):
    project: str = ""


class _Application(Struct):
    spec: _Spec = _Spec()


class _Applications(Struct):
    items: list[_Application] | None = None


class _Answer(Struct):
    value: str = ""


def check(url: str, token: str, *, windows: bool = False) -> Sequence[Finding]:
    """Try the token, and count the applications. Whether they may be changed is told when that is tried.

    With `windows` each project of theirs is asked for, too, whether the account may change it.
    """
    caller = Caller({"Authorization": f"Bearer {token}"})
    answer = caller.call("GET", f"{url}/api/v1/session/userinfo")
    user = answer.read(_User) if answer.is_success else None
    if user is None or not user.loggedIn:
        refused = user is not None or answer.status in (401, 403)
        mend = (
            "Make a new token for its account and put it where owners.argo_cd.token says."
            if refused
            else "Check owners.argo_cd.url, and that the server can reach it."
        )
        told = "the token is nobody's" if user is not None else answer.told
        return [Finding(NAME, State.BROKEN, told, mend)]
    listed = caller.call("GET", f"{url}/api/v1/applications?fields=items.metadata.name,items.spec.project")
    seen = listed.read(_Applications) if listed.is_success else None
    count = len(seen.items or ()) if seen is not None else 0
    if not count:
        detail = f"{user.username} sees no application" if seen is not None else listed.told
        mend = "Give its account the rights `applications, get`, `update` and `sync` (docs/argo-cd.md)."
        return [Finding(NAME, State.BROKEN, detail, mend)]
    detail = f"the token is accepted: {user.username} sees {count} application{'s' if count > 1 else ''}"
    projects = sorted({app.spec.project for app in (seen.items or () if seen else ())}) if windows else []
    return [Finding(NAME, State.OK, detail), *(_project(caller, url, name) for name in projects)]


def _project(caller: Caller, url: str, name: str) -> Finding:
    """Ask Argo CD what its account may do (``GET /api/v1/account/can-i``), which changes nothing."""
    lacks = []
    for right in ("get", "update"):
        answer = caller.call("GET", f"{url}/api/v1/account/can-i/projects/{right}/{name}")
        told = answer.read(_Answer) if answer.is_success else None
        if told is None:
            mend = "Check owners.argo_cd.url, and that the server can reach it."
            return Finding(f"Argo CD project {name}", State.BROKEN, answer.told, mend)
        lacks += [right] if told.value != "yes" else []
    if lacks:
        mend = f"Give its account the right `projects, {lacks[0]}, {name}` (docs/gates.md)."
        return Finding(f"Argo CD project {name}", State.BROKEN, f"the account may not {lacks[0]} it", mend)
    return Finding(f"Argo CD project {name}", State.OK, "its sync windows may be changed")
