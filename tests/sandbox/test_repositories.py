from pathlib import Path

import pytest

from sandbox.repositories import Repository, RepositoryError


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "deploy.git")


def test_a_commit_changes_the_files_that_it_names(repository: Repository) -> None:
    first = repository.commit({"a/one.yaml": "1\n", "a/two.yaml": "2\n", "b/three.yaml": "3\n"}, "first")
    second = repository.commit({"a/one.yaml": "one\n", "a/two.yaml": None}, "second")

    assert repository.files(first, "a") == {"one.yaml": "1\n", "two.yaml": "2\n"}
    assert repository.files(second, "a") == {"one.yaml": "one\n"}
    assert repository.files("main", "b") == {"three.yaml": "3\n"}
    assert repository.files("main", ".") == {}


def test_branches_are_told_apart_and_head_is_the_first(repository: Repository) -> None:
    first = repository.commit({"one": "1"}, "first")
    other = repository.commit({"two": "2"}, "other", branch="other")

    assert repository.resolve("") == repository.resolve("HEAD") == repository.resolve(first[:8]) == first
    assert repository.resolve("other") == other
    assert repository.files("other") == {"two": "2"}


@pytest.mark.parametrize("revision", ["absent", "0" * 40, "--help"])
def test_a_revision_that_is_not_there_is_refused(repository: Repository, revision: str) -> None:
    repository.commit({"one": "1"}, "first")

    with pytest.raises(RepositoryError):
        repository.resolve(revision)


def test_a_folder_that_is_not_there_is_refused(repository: Repository) -> None:
    repository.commit({"one": "1"}, "first")

    with pytest.raises(RepositoryError, match="absent"):
        repository.files("main", "absent")
