from pathlib import Path

import pytest

from sandbox.git import GitFailed, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "deploy.git")


def test_an_empty_repository_has_no_tip(repository: Repository) -> None:
    assert repository.tip() is None


def test_a_commit_changes_the_files_that_it_names(repository: Repository) -> None:
    first = repository.commit({"a/one.yaml": "1\r\n", "a/b/two.yaml": "2\n", "three.yaml": "3\n"})
    second = repository.commit({"a/one.yaml": "é\n", "a/b/two.yaml": None})

    assert repository.files(first, "./a/") == {"one.yaml": "1\r\n", "b/two.yaml": "2\n"}
    assert repository.files(second, "a") == {"one.yaml": "é\n"}
    for root in ("", ".", "/"):
        assert repository.files("main", root) == {"a/one.yaml": "é\n", "three.yaml": "3\n"}


def test_branches_are_told_apart_and_head_is_the_first(repository: Repository) -> None:
    first = repository.commit({"one": "1"})
    other = repository.commit({"two": "2"}, branch="other")

    assert (repository.tip(), repository.tip("other")) == (first, other)
    assert repository.sha("HEAD") == repository.sha(first[:8]) == first
    assert repository.files("other") == {"two": "2"}


def test_commits_follow_each_other_on_their_branch(repository: Repository) -> None:
    made = [repository.commit({"one": text}, f"Write {text}") for text in "12"]

    assert [(each.sha, each.message) for each in repository.log("main")] == [
        (made[1], "Write 2"),
        (made[0], "Write 1"),
    ]


@pytest.mark.parametrize("revision", ["absent", "0" * 40, "--help"])
def test_a_revision_that_is_not_there_has_no_name(repository: Repository, revision: str) -> None:
    repository.commit({"one": "1"})

    assert repository.sha(revision) is None


def test_a_folder_that_is_not_there_is_refused_in_gits_words(repository: Repository) -> None:
    repository.commit({"one": "1"})

    with pytest.raises(GitFailed, match="absent"):
        repository.files("main", "absent")


def test_a_repository_inside_another_one_is_its_own(repository: Repository) -> None:
    repository.commit({"one": "1"})

    assert Repository.create(repository.path / "inner.git").tip() is None
