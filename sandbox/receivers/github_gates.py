"""GitHub: apps and their installations, commit statuses, and deployments that wait for an app's verdict."""

import hashlib
import hmac
import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import Meta
from starlette.responses import JSONResponse, Response

from sandbox.receivers.github_answers import invalid, refused
from sandbox.receivers.github_git import (
    RIGHT_LACKS,
    GitRoutes,
    body_of,
    commit_named,
    lacking,
    repository_name,
)
from sandbox.receivers.receiving import Act, Clock, Received, bearer, decoded

INSTALLATION = 4711
TOKEN_SECONDS = 3600.0

_PATIENCE_SECONDS = 10.0
_LONGEST_JWT_SECONDS = 600


@dataclass(frozen=True)
class App:
    """A GitHub App: its id, its public key (PEM), and the repositories that have it installed."""

    id: str
    public_key: str
    repositories: tuple[str, ...] = ("shop/checkout",)


@dataclass(frozen=True)
class Status:
    """A commit status."""

    repository: str
    sha: str
    context: str
    state: str
    description: str


@dataclass
class Run:
    """A run with a deployment that waits until it has a verdict: ``approved`` or ``rejected``."""

    id: int
    repository: str
    environment: str
    verdict: str = ""
    comment: str = ""


class NewStatus(msgspec.Struct, forbid_unknown_fields=True):
    state: Literal["error", "failure", "pending", "success"]
    context: str = "default"
    description: Annotated[str, Meta(max_length=140)] = ""
    target_url: str = ""


class Review(msgspec.Struct, forbid_unknown_fields=True):
    environment_name: str
    state: Literal["approved", "rejected"]
    comment: str = ""


class GateRoutes:
    """What there is of the API; `admit` checks who asks, but for an app itself."""

    def __init__(
        self, git: GitRoutes, *, app: App | None, admit: Callable[[Received], None], clock: Clock
    ) -> None:
        self._git, self._app, self._admit, self._clock = git, app, admit, clock
        self._tokens: dict[str, float] = {}
        self._numbers = itertools.count(9_001)
        self.permissions = {
            "actions": "read",
            "deployments": "write",
            "metadata": "read",
            "pull_requests": "read",
            "statuses": "write",
        }
        self.statuses: list[Status] = []
        self.runs: list[Run] = []

    def knows(self, token: str) -> bool:
        """Return whether a token is an installation's, and has not expired."""
        return self._tokens.get(token, 0.0) > self._clock()

    def ask(self, repository: str, environment: str, *, api: str, url: str, secret: str) -> httpx.Response:
        """Have a deployment wait, and post the webhook that asks for the verdict."""
        run = Run(next(self._numbers), repository, environment)
        self.runs.append(run)
        callback = f"{api}/repos/{repository}/actions/runs/{run.id}/deployment_protection_rule"
        return post_webhook(
            url,
            "deployment_protection_rule",
            {
                "action": "requested",
                "environment": environment,
                "event": "push",
                "deployment_callback_url": callback,
                "deployment": {"id": run.id, "environment": environment, "ref": "main"},
                "pull_requests": [],
                "repository": {"id": 1, "full_name": repository, "private": True},
                "installation": {"id": INSTALLATION},
                "sender": {"login": "alice", "type": "User"},
            },
            secret=secret,
        )

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        repository = "/repos/{owner}/{repo}"
        run = f"{repository}/actions/runs/{{run:int}}"
        return [
            (
                "GET",
                "/app",
                lambda received: JSONResponse({"id": self._itself(received).id, "slug": "backout"}),
            ),
            ("GET", f"{repository}/installation", self._installation),
            ("POST", "/app/installations/{id:int}/access_tokens", self._token),
            ("POST", f"{repository}/statuses/{{sha}}", self._set),
            ("GET", f"{repository}/commits/{{name:path}}/status", self._combined),
            ("GET", f"{run}/pending_deployments", self._pending),
            ("POST", f"{run}/deployment_protection_rule", self._review),
        ]

    def _itself(self, received: Received) -> App:
        """Check the token of an app itself: signed by its key, and for ten minutes at most."""
        if self._app is None:
            raise refused(401, "A JSON web token could not be decoded")
        try:
            key = RSAKey.import_key(self._app.public_key)
            claims = jwt.decode(bearer(received) or "", key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            raise refused(401, "A JSON web token could not be decoded") from None
        now = self._clock()
        if claims.get("iss") != self._app.id or not claims["iat"] <= now < claims["exp"]:
            raise refused(401, "'Expiration time' claim ('exp') must be a numeric value in the future")
        if claims["exp"] - now > _LONGEST_JWT_SECONDS:
            raise refused(401, "'Expiration time' claim ('exp') is too far in the future")
        return self._app

    def _installation(self, received: Received) -> Response:
        app = self._itself(received)
        if repository_name(received) not in app.repositories:
            raise refused(404, "Not Found")
        return JSONResponse({"id": INSTALLATION, "app_id": app.id, "permissions": self.permissions})

    def _token(self, received: Received) -> Response:
        self._itself(received)
        if int(received.parameters["id"]) != INSTALLATION:
            raise refused(404, "Not Found")
        token, expires_at = f"ghs_{uuid.uuid4().hex}", self._clock() + TOKEN_SECONDS
        self._tokens[token] = expires_at
        told = f"{datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return JSONResponse({"token": token, "expires_at": told}, 201)

    def _set(self, received: Received) -> Response:
        hosted, name = self._git.hosted(received), repository_name(received)
        if hosted.statuses != "write":
            raise lacking(hosted, "statuses=write")
        new = decoded(body_of(received), NewStatus, refuse=lambda why: invalid("Status", "state", why))
        sha = commit_named(hosted.git, received.parameters["sha"], status=422)
        status = Status(name, sha, new.context, new.state, new.description)
        self.statuses.append(status)
        return JSONResponse(_shown(status), 201)

    def _combined(self, received: Received) -> Response:
        hosted, name = self._git.hosted(received), repository_name(received)
        sha = commit_named(hosted.git, received.parameters["name"], status=404)
        newest = {each.context: each for each in self.statuses if (each.repository, each.sha) == (name, sha)}
        states = {each.state for each in newest.values()}
        state = (
            "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
        )
        shown = [_shown(each) for each in newest.values()]
        return JSONResponse({"state": state, "sha": sha, "total_count": len(shown), "statuses": shown})

    def _run(self, received: Received) -> list[Run]:
        self._admit(received)
        named = (repository_name(received), int(received.parameters["run"]))
        found = [run for run in self.runs if (run.repository, run.id) == named]
        if not found:
            raise refused(404, "Not Found")
        return found

    def _pending(self, received: Received) -> Response:
        waiting = [run for run in self._run(received) if not run.verdict]
        return JSONResponse([{"environment": {"id": 1, "name": run.environment}} for run in waiting])

    def _review(self, received: Received) -> Response:
        runs = self._run(received)
        if not self.knows(bearer(received) or ""):
            raise refused(403, RIGHT_LACKS)
        review = decoded(body_of(received), Review, refuse=lambda why: invalid("Review", "state", why))
        run = next((run for run in runs if run.environment == review.environment_name), None)
        if run is None or run.verdict:
            raise refused(422, "No pending custom deployment requests to approve or reject")
        run.verdict, run.comment = review.state, review.comment
        return Response(status_code=204)


def _shown(status: Status) -> dict[str, str]:
    return {"context": status.context, "state": status.state, "description": status.description}


def post_webhook(
    url: str, event: str, payload: Mapping[str, object], *, secret: str, delivery: str = ""
) -> httpx.Response:
    """Post a webhook, signed with the secret of the app."""
    body = msgspec.json.encode(payload)
    return httpx.post(
        url,
        content=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0a1b2c3",
            "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature-256": sign(body, secret),
        },
        timeout=_PATIENCE_SECONDS,
    )


def sign(body: bytes, secret: str) -> str:
    """Return what `X-Hub-Signature-256` holds."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
