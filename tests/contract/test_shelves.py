from pathlib import Path

import pytest

from shared.adapters.directory import DirectoryShelf
from tests.contract.shelves import ShelfContract, ShelfWorld
from tests.fakes.trackers import FakeShelf


class FakeWorld(ShelfWorld):
    def __init__(self) -> None:
        self.shelf = self.fake = FakeShelf()

    def files(self) -> dict[str, str]:
        return self.fake.files


class DirectoryWorld(ShelfWorld):
    def __init__(self, path: Path) -> None:
        self.shelf, self.path = DirectoryShelf(str(path)), path

    def files(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in self.path.iterdir()}


class TestFakeShelf(ShelfContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()


class TestDirectoryShelf(ShelfContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> DirectoryWorld:
        return DirectoryWorld(tmp_path)
