"""Doors: who may come in by which credential. Nothing ever runs open without saying so."""

from collections.abc import Callable
from typing import Literal, TypeVar

from flask import Request, current_app, has_app_context
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from shared.bootstrap import Door
from shared.errors import ConfigurationError
from shared.intake import credentials
from shared.intake.credentials import Accepted
from shared.settings import Credential

Name = Literal["alertmanager", "invoke", "read"]
T = TypeVar("T")

BOUND_TO = "BOUND_TO"
"""The key of the app's configuration that holds the address the server listens on; without it, none."""

PASSED_ON = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Origin")
"""Headers of a request that comes through a proxy or from a web page, so not from a local program."""

_REALM: dict[str, str | None] = {"realm": "backout"}


def admit(door: Door, request: Request, name: Name, *, basic: bool = False) -> str:
    """Return who presents the credential `name`; `basic` allows it as the password of any user.

    Raises Unauthorized without it, and ConfigurationError when none is configured, or when an open door is
    not on loopback.
    """
    credential = getattr(door.settings.auth, name)
    if credential is None:
        raise ConfigurationError(f"auth.{name} is not configured, so nobody can be let in: set it.")
    if credential.open:
        return _through_open(request, name)
    presented = request.headers.get("Authorization")
    who = known(door, credential, lambda accepted: credentials.who(presented, accepted, basic=basic))
    if who is None:
        schemes = ["bearer", "basic"] if basic else ["bearer"]
        raise Unauthorized(
            f"Send the credential of auth.{name}: Authorization: Bearer <token>"
            f"{', or as the password of a basic one' if basic else ''}.",
            www_authenticate=[WWWAuthenticate(scheme, _REALM) for scheme in schemes],
        )
    return who


def known(door: Door, credential: Credential, check: Callable[[Accepted], T]) -> T:
    """Return what `check` says of the values that are accepted; where it says no, of those of this moment.

    So a secret that was replaced in its store is accepted at once, and needs no deploy.
    """
    return check(door.secrets.accepted(credential)) or check(door.secrets.renewed(credential))


def _through_open(request: Request, name: Name) -> str:
    bound_to = current_app.config.get(BOUND_TO, "") if has_app_context() else ""
    if credentials.may_stand_open(
        remote=request.remote_addr or "",
        bound_to=bound_to,
        forwarded=any(header in request.headers for header in PASSED_ON),
    ):
        return "anyone"
    raise ConfigurationError(
        f"auth.{name} is none, which is honoured between programs on loopback only: configure a credential."
    )
