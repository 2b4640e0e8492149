"""The contract of trackers for GitHub, on its stand-in over a real bare repository."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted
from shared.adapters.github_issues import GitHubTracker
from shared.ports import NewIssue
from tests.contract.trackers import NAME, PATH, TrackerContract, TrackerWorld

FORM = """
name: Incident
description: Something is broken
title: "[Incident] "
labels: [incident, triage]
assignees: [alice]
body:
  - type: markdown
    attributes: {value: Thank you for writing it down.}
  - type: textarea
    id: summary
    attributes: {label: What happened?, placeholder: Tell it}
    validations: {required: true}
  - type: dropdown
    id: severity
    attributes: {label: Severity, options: [P0, P1]}
  - type: checkboxes
    attributes: {label: Done, options: [{label: Told the team, required: true}]}
"""


class GitHubWorld(TrackerWorld):
    def __init__(self, github: GitHub) -> None:
        self.tracker, self.github = GitHubTracker(github.url, TOKEN), github

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def count(self) -> int:
        return sum(issue.user == "backout-bot" for issue in self.github.issues.values())

    def made(self, reference: str) -> NewIssue:
        issue = self.github.issues[reference]
        known = self.wanted(title=issue.title, body=issue.body)
        return replace(known, labels=issue.labels, assignees=issue.assignees)

    def tick(self, reference: str, text: str) -> None:
        issue = self.github.issues[reference]
        body = issue.body.replace(f"- [ ] {text}", f"- [x] {text}")
        self.github.issues[reference] = replace(issue, body=body)

    def close(self, reference: str) -> None:
        self.github.issues[reference] = replace(self.github.issues[reference], state="closed")

    def delete(self, reference: str) -> None:
        del self.github.issues[reference]


class TestGitHub(TrackerContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[GitHubWorld]:
        if shutil.which("git") is None:
            pytest.skip("no git on the path")
        repository = Repository.create(tmp_path / "checkout.git")
        repository.commit({"app.py": "one\n", PATH: FORM}, "Begin")
        with GitHub(repositories={NAME: Hosted(repository)}) as github:
            yield GitHubWorld(github)
