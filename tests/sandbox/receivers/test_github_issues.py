import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.git import Repository
from sandbox.receivers import GitHub
from sandbox.receivers.github_hosted import Hosted
from tests.sandbox.receivers.hands import WEB, HandClock
from tests.sandbox.receivers.test_github import HEADERS

ISSUES = "/repos/shop/checkout/issues"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def github(clock: HandClock) -> Iterator[GitHub]:
    with GitHub(clock=clock) as github:
        yield github


def call(github: GitHub, method: str, path: str, body: Any = None) -> httpx.Response:
    return WEB.request(method, f"{github.url}{path}", json=body, headers=HEADERS)


def test_an_issue_is_made_read_and_changed(github: GitHub) -> None:
    made = call(github, "POST", ISSUES, {"title": "t", "body": "b", "labels": ["l"], "assignees": ["alice"]})

    assert made.status_code == 201
    told = made.json()
    assert told["html_url"] == f"https://github.com/shop/checkout/issues/{told['number']}"
    assert (told["state"], told["body"], told["labels"]) == ("open", "b", [{"name": "l"}])
    path = f"{ISSUES}/{told['number']}"
    assert call(github, "GET", path).json() == told
    assert call(github, "PATCH", path, {"state": "closed", "body": ""}).json()["body"] is None
    assert call(github, "GET", path).json()["state"] == "closed"


def test_issues_are_listed_the_newest_first_in_pages(github: GitHub, clock: HandClock) -> None:
    for number in range(3):
        clock.now += 60
        github.issue("shop/checkout", f"issue {number}", state="closed" if number == 1 else "open")

    every = call(github, "GET", f"{ISSUES}?state=all&per_page=2")
    assert [each["title"] for each in every.json()] == ["issue 2", "issue 1"]
    assert 'rel="next"' in every.headers["Link"]
    assert "issue 1" not in [each["title"] for each in call(github, "GET", ISSUES).json()]
    since = every.json()[0]["created_at"]
    assert [e["title"] for e in call(github, "GET", f"{ISSUES}?since={since}").json()] == ["issue 2"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "t", "text": "b"},
        {"title": "t" * 257},
        {"title": "t", "body": "b" * 65_537},
        {"title": "t", "labels": "l"},
        {"title": "t", "assignees": ["stranger"]},
    ],
)
def test_what_github_would_refuse_is_refused(github: GitHub, body: dict[str, Any]) -> None:
    before = dict(github.issues)

    assert call(github, "POST", ISSUES, body).status_code == 422
    assert github.issues == before


def test_what_is_not_there_is_404(github: GitHub) -> None:
    for method, path in (
        ("GET", "/repos/shop/nowhere/issues"),
        ("POST", "/repos/shop/nowhere/issues"),
        ("GET", f"{ISSUES}/99"),
        ("GET", "/repos/shop/checkout/contents/README.md"),
    ):
        assert call(github, method, path, {"title": "t"}).status_code == 404


def test_a_file_is_read_in_base64(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    repository = Repository.create(tmp_path / "shop.git")
    repository.commit({"docs/long name.md": "x" * 100 + "\nü\n"})
    with GitHub(repositories={"shop/shop": Hosted(repository)}) as github:
        told = call(github, "GET", "/repos/shop/shop/contents/docs/long%20name.md").json()

        assert (told["type"], told["encoding"], told["name"]) == ("file", "base64", "long name.md")
        assert base64.b64decode(told["content"]).decode() == "x" * 100 + "\nü\n"
        assert "\n" in told["content"].strip()


def test_rights_on_issues_are_kept(tmp_path: Path) -> None:
    repositories = {
        "shop/read": Hosted(Repository(tmp_path), issues="read"),
        "shop/none": Hosted(Repository(tmp_path), issues="none"),
    }
    with GitHub(repositories=repositories) as github:
        assert call(github, "GET", "/repos/shop/read/issues").status_code == 200
        refused = call(github, "POST", "/repos/shop/read/issues", {"title": "t"})
        assert refused.status_code == 403
        assert refused.headers["X-Accepted-GitHub-Permissions"] == "issues=write"
        assert call(github, "GET", "/repos/shop/none/issues").status_code == 404
