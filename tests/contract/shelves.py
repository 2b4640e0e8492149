"""What every shelf keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

from shared.ports import Shelf


class ShelfWorld(ABC):
    """A shelf, and what is on it."""

    shelf: Shelf

    @abstractmethod
    def files(self) -> dict[str, str]:
        """Return the texts of all files by their names."""


class ShelfContract:
    """The suite."""

    def test_a_file_holds_what_was_put_there_last(self, world: ShelfWorld) -> None:
        where = world.shelf.put("r1.md", "# one\n")
        assert where.endswith("/r1.md")
        assert world.shelf.put("r1.md", "# two\n") == where
        assert world.shelf.put("r2.md", "# ü\n") != where
        assert world.files() == {"r1.md": "# two\n", "r2.md": "# ü\n"}

    def test_the_same_again_changes_nothing(self, world: ShelfWorld) -> None:
        world.shelf.put("r1.md", "# one\n")
        world.shelf.put("r1.md", "# one\n")
        assert world.files() == {"r1.md": "# one\n"}
