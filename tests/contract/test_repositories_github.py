"""The contract of repositories for GitHub, on its stand-in over a real bare repository."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted
from shared.adapters.github_reverts import GitHubRepositories
from tests.contract.repositories import BRANCH, NAME, RepositoriesContract, World


class GitHubWorld(World):
    def __init__(self, github: GitHub, hosted: Hosted) -> None:
        self.repositories, self.hosted = GitHubRepositories(github.url, TOKEN), hosted

    def tip(self) -> str:
        return self.hosted.git.tip(BRANCH) or ""

    def brought(self) -> str:
        self.hosted.git.move("prices", BRANCH)
        self.hosted.git.commit({"app.py": "two\n"}, "Take new prices", branch="prices")
        return self.hosted.merge(self.hosted.open("Take new prices", "prices"))

    def push(self) -> None:
        self.hosted.git.commit({"other.txt": "other\n"}, "Write down the other thing")

    def protect(self) -> None:
        self.hosted.protected[BRANCH] = "Changes must be made through a pull request."

    def merge(self) -> None:
        self.hosted.merge(self.hosted.pulls[-1])

    def turn_down(self) -> None:
        self.hosted.pulls[-1].state = "closed"


class TestGitHub(RepositoriesContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[GitHubWorld]:
        if shutil.which("git") is None:
            pytest.skip("no git on the path")
        repository = Repository.create(tmp_path / "checkout.git")
        repository.commit({"app.py": "one\n"}, "Begin")
        hosted = Hosted(repository)
        with GitHub(repositories={NAME: hosted}) as github:
            yield GitHubWorld(github, hosted)
