import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_gates import App, sign
from sandbox.receivers.github_hosted import Hosted
from tests.fakes.http_server import Answer, serving
from tests.sandbox.receivers.hands import WEB

KEY = RSAKey.generate_key(2048)
HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "backout",
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    repository = Repository.create(tmp_path / "checkout.git")
    repository.commit({"app.py": "one\n"}, "Begin")
    app = App("12345", KEY.as_pem(private=False).decode())
    with GitHub(app=app, repositories={"shop/checkout": Hosted(repository)}) as github:
        yield github


def call(github: GitHub, method: str, path: str, body: Any = None, *, token: str = TOKEN) -> httpx.Response:
    headers = {**HEADERS, "Authorization": f"Bearer {token}"}
    return WEB.request(method, f"{github.url}{path}", json=body, headers=headers)


def own_token(**claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": "12345", "iat": now - 60, "exp": now + 500, **claims}
    return jwt.encode({"alg": "RS256"}, whole, KEY)


def test_an_app_takes_a_token_of_its_installation_that_may_do_what_others_may(github: GitHub) -> None:
    found = call(github, "GET", "/repos/shop/checkout/installation", token=own_token())
    path = f"/app/installations/{found.json()['id']}/access_tokens"
    made = call(github, "POST", path, token=own_token())

    assert (found.status_code, made.status_code) == (200, 201)
    assert call(github, "GET", "/user", token=made.json()["token"]).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        TOKEN,
        own_token(iss="other"),
        own_token(exp=int(time.time()) - 1),
        own_token(exp=int(time.time()) + 3600),
        jwt.encode({"alg": "RS256"}, {"iss": "12345"}, RSAKey.generate_key(2048)),
    ],
    ids=["a person's", "another app's", "expired", "too long", "another key's"],
)
def test_who_is_not_the_app_is_not_let_in(github: GitHub, token: str) -> None:
    assert call(github, "GET", "/repos/shop/checkout/installation", token=token).status_code == 401


def test_statuses_are_combined_the_newest_of_each_context(github: GitHub) -> None:
    found = call(github, "GET", "/repos/shop/checkout/commits/heads/main/status").json()
    assert (found["state"], found["statuses"]) == ("pending", [])

    for state in ("failure", "success"):
        path = f"/repos/shop/checkout/statuses/{found['sha']}"
        assert call(github, "POST", path, {"state": state, "context": "gate"}).status_code == 201
    found = call(github, "GET", "/repos/shop/checkout/commits/heads/main/status").json()
    assert [each["state"] for each in found["statuses"]] == ["success"]


@pytest.mark.parametrize(
    ("sha", "body"),
    [
        ("main", {"state": "closed"}),
        ("main", {"state": "failure", "description": "x" * 141}),
        ("main", {"state": "failure", "colour": "red"}),
        ("0" * 40, {"state": "failure"}),
    ],
)
def test_a_status_that_is_not_as_documented_is_refused(github: GitHub, sha: str, body: Any) -> None:
    assert call(github, "POST", f"/repos/shop/checkout/statuses/{sha}", body).status_code == 422


def test_a_deployment_asks_by_a_signed_webhook_and_takes_a_verdict_of_the_app_alone(github: GitHub) -> None:
    with serving(lambda _: Answer(202)) as server:
        github.gates.ask("shop/checkout", "production", api=github.url, url=server.url, secret="s")
    [request] = server.requests
    assert request.headers["x-hub-signature-256"] == sign(request.body, "s")
    assert request.headers["x-github-event"] == "deployment_protection_rule"

    run = f"/repos/shop/checkout/actions/runs/{github.gates.runs[0].id}"
    verdict = {"environment_name": "production", "state": "approved", "comment": "open"}
    assert call(github, "POST", f"{run}/deployment_protection_rule", verdict).status_code == 403

    token = call(github, "POST", "/app/installations/4711/access_tokens", token=own_token()).json()["token"]
    assert len(call(github, "GET", f"{run}/pending_deployments", token=token).json()) == 1
    assert call(github, "POST", f"{run}/deployment_protection_rule", verdict, token=token).status_code == 204
    assert call(github, "GET", f"{run}/pending_deployments", token=token).json() == []
    assert call(github, "POST", f"{run}/deployment_protection_rule", verdict, token=token).status_code == 422
    assert github.gates.runs[0].verdict == "approved"
