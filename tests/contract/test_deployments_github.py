"""The contract of deployments for GitHub, as an app, and what only calls over a network show."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import RSAKey

from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_gates import App as SandboxApp
from sandbox.receivers.github_gates import Run
from shared.adapters.github_access import App, GitHubAccess
from shared.adapters.github_gates import GitHubDeployments
from shared.domain.changes import Applied
from shared.errors import PermanentError, TemporaryError
from shared.ports import Asked
from tests.contract.deployments import DeploymentsContract, DeploymentsWorld

KEY = RSAKey.generate_key(2048)
PEM = KEY.as_pem(private=True).decode()
PUBLIC = KEY.as_pem(private=False).decode()
TOKENS = "/app/installations/4711/access_tokens"


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 3, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


class GitHubWorld(DeploymentsWorld):
    def __init__(self, github: GitHub, clock: Hand) -> None:
        self.github, self.clock = github, clock
        self.deployments = self.by(App("12345", PEM))

    def by(self, app: App | None) -> GitHubDeployments:
        return GitHubDeployments(GitHubAccess(self.github.url, TOKEN, app=app, clock=self.clock))

    def wait(self, environment: str = "production", repository: str = "shop/checkout") -> Asked:
        number = 9001 + len(self.github.gates.runs)
        self.github.gates.runs.append(Run(number, repository, environment))
        return Asked(repository, number, environment)

    def verdicts(self) -> list[tuple[str, bool, str]]:
        runs = self.github.gates.runs
        return [(run.environment, run.verdict == "approved", run.comment) for run in runs if run.verdict]

    def tokens_taken(self) -> int:
        return len(self.github.requests("POST", TOKENS))


@pytest.fixture
def world() -> Iterator[GitHubWorld]:
    clock = Hand()
    with GitHub(app=SandboxApp("12345", PUBLIC), clock=clock.seconds) as github:
        yield GitHubWorld(github, clock)


class TestGitHubDeployments(DeploymentsContract):
    pass


def test_a_token_is_kept_until_it_expires(world: GitHubWorld) -> None:
    for minutes in (0, 30, 28):
        world.clock.now += timedelta(minutes=minutes)
        world.deployments.answer(world.wait(), approved=True, comment="")
    assert world.tokens_taken() == 1

    world.clock.now += timedelta(minutes=2)
    world.deployments.answer(world.wait(), approved=True, comment="")
    assert world.tokens_taken() == 2


def test_an_app_that_is_not_installed_there_is_told(world: GitHubWorld) -> None:
    with pytest.raises(PermanentError, match="app 12345 is not installed on shop/other"):
        world.deployments.answer(world.wait(repository="shop/other"), approved=True, comment="")


def test_a_token_of_a_person_may_not_answer(world: GitHubWorld) -> None:
    with pytest.raises(PermanentError, match="lacks a right"):
        world.by(None).answer(world.wait(), approved=True, comment="")
    assert world.verdicts() == []


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (App("12345", "no key"), "github.app.key is no private RSA key"),
        (App("12345", RSAKey.generate_key(2048).as_pem(private=True).decode()), "401"),
        (App("999", PEM), "401"),
    ],
    ids=["no key", "another key", "another app"],
)
def test_an_app_that_is_not_known_is_refused_and_its_key_not_shown(
    world: GitHubWorld, app: App, told: str
) -> None:
    with pytest.raises(PermanentError, match=told) as refused:
        world.by(app).answer(world.wait(), approved=True, comment="")
    assert app.key not in str(refused.value)


def test_a_verdict_whose_answer_was_lost_is_not_given_twice(world: GitHubWorld) -> None:
    asked = world.wait()
    world.github.lose_answers(path=f"/repos/shop/checkout/actions/runs/{asked.run_id}/deployment_protection")

    with pytest.raises(TemporaryError):
        world.deployments.answer(asked, approved=True, comment="")

    assert world.deployments.answer(asked, approved=True, comment="", again=True) is Applied.ALREADY
    assert len(world.verdicts()) == 1
