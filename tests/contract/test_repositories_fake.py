import itertools

import pytest

from tests.contract.repositories import RepositoriesContract, World
from tests.fakes.repositories import FakeRepositories


class FakeWorld(World):
    def __init__(self) -> None:
        self.repositories = self.fake = FakeRepositories(tip="b" * 40)
        self._commits = (f"{n:04x}".ljust(40, "c") for n in itertools.count())

    def tip(self) -> str:
        return self.fake.tip

    def brought(self) -> str:
        self.push()
        self.fake.merged.append(self.fake.tip)
        return self.fake.tip

    def push(self) -> None:
        self.fake.tip = next(self._commits)

    def protect(self) -> None:
        self.fake.by = "pull_request"

    def merge(self) -> None:
        self.fake.merge()

    def turn_down(self) -> None:
        self.fake.turn_down()


class TestFakeRepositories(RepositoriesContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
