from pathlib import Path

import pytest

from shared.adapters.directory import DirectoryShelf
from shared.errors import TemporaryError


def test_a_file_holds_what_was_put_there_last_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    shelf = DirectoryShelf(str(tmp_path))
    assert shelf.put("r1.md", "# one\n") == str(tmp_path / "r1.md")
    shelf.put("r1.md", "# two → ü\n")
    assert (tmp_path / "r1.md").read_text() == "# two → ü\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r1.md"]
    assert (tmp_path / "r1.md").stat().st_mode & 0o777 == 0o644


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    shelf = DirectoryShelf(str(tmp_path))
    shelf.put("r1.md", "# one\n")
    before = (tmp_path / "r1.md").stat().st_ino
    shelf.put("r1.md", "# one\n")
    assert (tmp_path / "r1.md").stat().st_ino == before


def test_a_directory_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match=r"gone/r1\.md cannot be written: No such file"):
        DirectoryShelf(str(tmp_path / "gone")).put("r1.md", "# one\n")


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "r1.md").mkdir()
    with pytest.raises(TemporaryError, match="cannot be written"):
        DirectoryShelf(str(tmp_path)).put("r1.md", "# one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["r1.md"]
