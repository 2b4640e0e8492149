"""Access to GitHub's REST API: by a token, or as the installation of a GitHub App that a repository has."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from shared.adapters.github import api
from shared.adapters.json_api import TELL_SECONDS, Calls, JsonApi, Refused
from shared.errors import PermanentError

_CLOCKS = timedelta(seconds=60)
_LIFE = timedelta(minutes=9)
"""How long an app's own token lives: GitHub takes ten minutes at most, by its clock."""


@dataclass(frozen=True)
class App:
    """A GitHub App: its id or client id, and its private key (PEM)."""

    id: str
    key: str


class _Installation(msgspec.Struct):
    id: int


class _Token(msgspec.Struct):
    token: str
    expires_at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GitHubAccess:
    """Calls on a repository. An installation's token, which lives for an hour, is kept until it expires."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        app: App | None = None,
        seconds: float = TELL_SECONDS,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._url, self._app, self._seconds, self._clock = url, app, seconds, clock
        self._by_token = api(url, token, seconds=seconds)
        self._installed: dict[str, tuple[datetime, JsonApi]] = {}

    def calls(self, repository: str) -> Calls:
        """Return calls on ``owner/name``. Raises PermanentError where the app is not installed there."""
        calls = self._by_token.calls()
        if self._app is None:
            return calls
        held = self._installed.get(repository)
        if held is None or held[0] - _CLOCKS <= self._clock():
            held = self._installed[repository] = self._taken(self._app, repository, until=calls.until)
        return held[1].calls(until=calls.until)

    def _taken(self, app: App, repository: str, *, until: float) -> tuple[datetime, JsonApi]:
        """Have GitHub give a token for the installation that the repository has."""
        calls = api(self._url, own_token(app, self._clock()), seconds=self._seconds).calls(until=until)
        try:
            installation = calls.ask("GET", f"/repos/{repository}/installation", into=_Installation)
        except Refused as refused:
            if refused.status != 404:
                raise
            raise PermanentError(f"GitHub: the app {app.id} is not installed on {repository}") from refused
        path = f"/app/installations/{installation.id}/access_tokens"
        made = calls.ask("POST", path, into=_Token)
        return made.expires_at, api(self._url, made.token, seconds=self._seconds)


def own_token(app: App, now: datetime) -> str:
    """Return the token by which the app itself is known: a JWT that its key signs (RS256)."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    claims = {
        "iss": app.id,
        "iat": int((now - _CLOCKS).timestamp()),
        "exp": int((now + _LIFE).timestamp()),
    }
    try:
        return jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(app.key))
    except (JoseError, ValueError):
        # What they say may quote the key, so it does not become a cause.
        raise PermanentError("GitHub: github.app.key is no private RSA key in PEM") from None
