"""The repository on disk that Flux polls."""

from pathlib import Path

import pytest

from sandbox.flux.git import BareRepository, GitFailed


def test_an_empty_repository_has_no_tip(tmp_path: Path) -> None:
    assert BareRepository.create(tmp_path / "deploy.git").tip() == ""


def test_commits_follow_each_other_on_their_branch(tmp_path: Path) -> None:
    repository = BareRepository.create(tmp_path / "deploy.git")

    first = repository.commit({"apps/a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    second = repository.commit({"apps/a.yaml": "a: 2\n", "b.yaml": None})
    other = repository.commit({"c.yaml": "c: 1\n"}, branch="other")

    assert (repository.tip(), repository.tip("other")) == (second, other)
    assert repository.files(first) == {"apps/a.yaml": "a: 1\n", "b.yaml": "b: 1\n"}
    assert repository.files(second) == {"apps/a.yaml": "a: 2\n"}
    assert repository.files(second, "apps") == {"apps/a.yaml": "a: 2\n"}


def test_a_folder_that_is_not_there_is_an_error_in_gits_words(tmp_path: Path) -> None:
    repository = BareRepository.create(tmp_path / "deploy.git")
    commit = repository.commit({"a.yaml": "a: 1\n"})

    with pytest.raises(GitFailed, match="none"):
        repository.files(commit, "none")
