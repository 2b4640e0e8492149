"""What enforces deploy gates is looked at: the app's rights, and those on Argo CD's projects."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from sandbox.receivers import GitHub
from sandbox.receivers.github_gates import App
from shared.adapters.checks import argo_cd, github_app
from shared.domain.prerequisites import Finding, State
from tests.fakes.http_server import Answer, Request, serving

KEY = RSAKey.generate_key(2048)
PEM = KEY.as_pem(private=True).decode()


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub(app=App("12345", KEY.as_pem(private=False).decode())) as github:
        yield github


def checked(github: GitHub, *repositories: str, key: str = PEM) -> list[Finding]:
    wanted = github_app.rights(marks=True, reads_reviews=True)
    return list(github_app.check(github.url, "12345", key, repositories, wanted))


def test_an_app_that_is_installed_with_its_rights_is_well(github: GitHub) -> None:
    findings = checked(github, "shop/checkout")
    assert [(each.name, each.state) for each in findings] == [
        ("GitHub App", State.OK),
        ("GitHub App on shop/checkout", State.OK),
    ]


def test_an_app_that_is_not_installed_somewhere_is_told(github: GitHub) -> None:
    [_, finding] = checked(github, "shop/other")
    assert (finding.state, finding.detail) == (State.BROKEN, "answered 404")


def test_rights_that_lack_are_named(github: GitHub) -> None:
    github.gates.permissions = {"actions": "write", "deployments": "read"}
    [_, finding] = checked(github, "shop/checkout")
    assert finding.detail == "it lacks deployments: write; statuses: write; pull_requests: read"


@pytest.mark.parametrize("key", ["no key", RSAKey.generate_key(2048).as_pem(private=True).decode()])
def test_a_key_that_is_not_the_apps_is_broken_and_not_shown(github: GitHub, key: str) -> None:
    [finding] = checked(github, "shop/checkout", key=key)
    assert finding.state is State.BROKEN
    assert "github.app.key" in finding.mend
    assert key not in repr(finding)


@pytest.mark.parametrize(
    ("update", "state", "detail"),
    [
        ("yes", State.OK, "its sync windows may be changed"),
        ("no", State.BROKEN, "the account may not update it"),
    ],
)
def test_argo_cd_is_asked_what_may_be_done_to_each_project(update: str, state: State, detail: str) -> None:
    def answers(request: Request) -> Answer:
        bodies: dict[str, Any] = {
            "/api/v1/session/userinfo": {"loggedIn": True, "username": "backout"},
            "/api/v1/applications": {"items": [{"spec": {"project": "shop"}}, {"spec": {"project": "shop"}}]},
            "/api/v1/account/can-i/projects/get/shop": {"value": "yes"},
            "/api/v1/account/can-i/projects/update/shop": {"value": update},
        }
        return Answer(200, json.dumps(bodies[request.path.partition("?")[0]]).encode())

    with serving(answers) as server:
        [_, finding] = argo_cd.check(server.url, "token", windows=True)
    assert (finding.name, finding.state, finding.detail) == ("Argo CD project shop", state, detail)
