import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.git import GitFailed, Repository, git
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted
from tests.sandbox.receivers.hands import WEB

REPOSITORY = "/repos/shop/checkout"
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "backout",
}
UNKNOWN = "0123456789" * 4
BOT = {"name": "Bot", "email": "bot@example.com", "date": "2026-03-02T12:00:00Z"}
MUTATION = (
    "mutation($input: RevertPullRequestInput!) "
    "{ revertPullRequest(input: $input) { revertPullRequest { number } } }"
)


@pytest.fixture
def hosted(tmp_path: Path) -> Hosted:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    repository = Repository.create(tmp_path / "checkout.git")
    repository.commit({"app.py": "one\n", "old.txt": "old\n"}, "Begin")
    repository.commit({"app.py": "two\n", "old.txt": None}, "Go on\n\nWith more words.")
    return Hosted(repository)


@pytest.fixture
def github(hosted: Hosted) -> Iterator[GitHub]:
    with GitHub(repositories={"shop/checkout": hosted}) as github:
        yield github


def ask(
    github: GitHub, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
) -> httpx.Response:
    return WEB.request(method, f"{github.url}{path}", json=body, headers=headers or HEADERS)


def get(github: GitHub, path: str) -> Any:
    answer = ask(github, "GET", f"{REPOSITORY}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def tip(hosted: Hosted, branch: str = "main") -> str:
    found = hosted.git.tip(branch)
    assert found is not None
    return found


def pull(hosted: Hosted, *, squash: bool = False) -> str:
    """Merge a pull request from the branch ``prices``."""
    hosted.git.move("prices", "main")
    hosted.git.commit({"app.py": "three\n"}, "Take new prices", branch="prices")
    return hosted.merge(hosted.open("Take new prices", "prices"), squash=squash)


def mutate(github: GitHub, number: int) -> Any:
    variables = {"input": {"pullRequestId": f"PR_shop_checkout_{number}", "title": "Undo it", "body": "Why"}}
    answer = ask(github, "POST", "/graphql", {"query": MUTATION, "variables": variables})
    assert answer.status_code == 200
    return answer.json()


def test_a_branch_is_shown_with_its_tip(github: GitHub, hosted: Hosted) -> None:
    hosted.git.move("release/1.2", "main~1")
    hosted.protected["release/1.2"] = "No."
    main, release = get(github, "/branches/main"), get(github, "/branches/release/1.2")

    assert (main["commit"]["sha"], main["protected"]) == (tip(hosted), False)
    assert (release["commit"]["sha"], release["protected"]) == (hosted.git.sha("main~1"), True)
    assert main["commit"]["commit"]["message"] == "Go on\n\nWith more words."
    assert main["commit"]["commit"]["tree"]["sha"] == hosted.git.sha("main", "tree")
    assert main["commit"]["parents"] == [{"sha": hosted.git.sha("main~1")}]
    assert get(github, "/git/ref/heads/release/1.2")["object"]["sha"] == hosted.git.sha("main~1")


def test_a_commit_is_found_by_name_branch_or_abbreviation(github: GitHub, hosted: Hosted) -> None:
    sha = tip(hosted)

    assert {get(github, f"/commits/{name}")["sha"] for name in (sha, sha[:7], "main", "heads/main")} == {sha}
    assert get(github, f"/git/commits/{sha}")["tree"]["sha"] == hosted.git.sha("main", "tree")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/branches/next", 404, "Branch not found"),
        ("/git/ref/heads/next", 404, "Not Found"),
        (f"/git/commits/{UNKNOWN}", 404, "Not Found"),
        ("/git/commits/main", 404, "Not Found"),
        (f"/commits/{UNKNOWN}", 422, f"No commit found for SHA: {UNKNOWN}"),
        (f"/commits/{UNKNOWN}/pulls", 422, f"No commit found for SHA: {UNKNOWN}"),
        (f"/commits?sha={UNKNOWN}", 404, f"No commit found for SHA: {UNKNOWN}"),
        (f"/compare/{UNKNOWN}...main", 404, "Not Found"),
    ],
)
def test_what_does_not_exist_is_not_found(github: GitHub, path: str, status: int, message: str) -> None:
    assert said(ask(github, "GET", f"{REPOSITORY}{path}")) == (status, message)


def test_commits_are_listed_the_newest_first(github: GitHub, hosted: Hosted) -> None:
    second, first = tip(hosted), hosted.git.sha("main~1")

    def listed(query: str) -> list[str]:
        return [each["sha"] for each in get(github, f"/commits?sha=main{query}")]

    assert listed("") == [second, first]
    assert listed("&per_page=1&page=2") == [first]
    assert listed("&until=2001-01-01T00:00:00Z") == []
    assert listed("&since=2001-01-01T00:00:00Z") == [second, first]


def test_two_commits_are_compared(github: GitHub, hosted: Hosted) -> None:
    hosted.git.move("side", "main~1")
    hosted.git.commit({"side.txt": "side\n"}, "Aside", branch="side")
    first = hosted.git.sha("main~1") or ""

    ahead = get(github, f"/compare/{first[:8]}...main")
    assert (ahead["status"], ahead["base_commit"]["sha"], ahead["ahead_by"]) == ("ahead", first, 1)
    assert [each["sha"] for each in ahead["commits"]] == [tip(hosted)]
    assert get(github, f"/compare/{first}...main?per_page=1&page=2")["commits"] == []
    assert get(github, f"/compare/main...{first}")["status"] == "behind"
    assert get(github, "/compare/side...main")["status"] == "diverged"
    assert get(github, "/compare/main...main")["status"] == "identical"


def test_a_commit_is_the_one_that_git_would_make(github: GitHub, hosted: Hosted, tmp_path: Path) -> None:
    tree, parent = hosted.git.sha("main~1", "tree"), tip(hosted)
    body = {"message": "Back\n", "tree": tree, "parents": [parent], "author": BOT, "committer": BOT}
    answer = ask(github, "POST", f"{REPOSITORY}/git/commits", body)

    variables = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Bot"), ("EMAIL", "bot@example.com"), ("DATE", "2026-03-02T12:00:00Z"))
    }
    git("clone", "-q", hosted.git.path, "clone", at=tmp_path)
    clone = tmp_path / "clone"
    git("checkout", "-q", "HEAD~1", "--", ".", at=clone)
    git("commit", "-q", "-m", "Back", at=clone, variables=variables)
    assert answer.status_code == 201
    assert answer.json()["sha"] == git("rev-parse", "HEAD", at=clone)
    assert answer.json()["author"] == BOT
    assert tip(hosted) == parent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tree": UNKNOWN}, "Tree SHA does not exist"),
        ({"parents": [UNKNOWN]}, "Parent SHA does not exist or is not a commit object"),
        ({"message": ""}, "Validation Failed"),
        ({"parents": ["main"]}, "Validation Failed"),
        ({"author": {"name": "Bot"}}, "Validation Failed"),
        ({"branch": "main"}, "Validation Failed"),
    ],
)
def test_a_commit_that_cannot_be_is_refused(
    github: GitHub, hosted: Hosted, change: dict[str, object], message: str
) -> None:
    body = {"message": "Back", "tree": hosted.git.sha("main", "tree"), "parents": [tip(hosted)], **change}

    assert said(ask(github, "POST", f"{REPOSITORY}/git/commits", body)) == (422, message)


def test_a_branch_moves_forward_only(github: GitHub, hosted: Hosted) -> None:
    first, second = hosted.git.sha("main~1"), tip(hosted)
    hosted.git.move("main", first or "")
    path = f"{REPOSITORY}/git/refs/heads/main"

    assert ask(github, "PATCH", path, {"sha": second, "force": False}).json()["object"]["sha"] == second
    assert ask(github, "PATCH", path, {"sha": second}).status_code == 200
    assert said(ask(github, "PATCH", path, {"sha": first})) == (422, "Update is not a fast forward")
    assert said(ask(github, "PATCH", path, {"sha": UNKNOWN})) == (422, "Object does not exist")
    assert said(ask(github, "PATCH", path.replace("main", "next"), {"sha": first})) == (
        422,
        "Reference does not exist",
    )
    assert tip(hosted) == second


def test_someone_may_be_a_moment_quicker_once(github: GitHub, hosted: Hosted) -> None:
    hosted.meanwhile = lambda: hosted.git.commit({"app.py": "theirs\n"}, "Quicker")
    path, sha = f"{REPOSITORY}/git/refs/heads/main", tip(hosted)

    assert ask(github, "PATCH", path, {"sha": sha}).status_code == 422
    assert hosted.meanwhile is None


def test_a_protected_branch_takes_no_commit(github: GitHub, hosted: Hosted) -> None:
    hosted.protected["main"] = "Changes must be made through a pull request."
    answer = ask(github, "PATCH", f"{REPOSITORY}/git/refs/heads/main", {"sha": tip(hosted)})

    assert said(answer) == (422, "Changes must be made through a pull request.")


@pytest.mark.parametrize(
    ("refuses_with", "message"),
    [(403, "Resource not accessible by personal access token"), (404, "Not Found")],
)
def test_a_token_that_may_only_read_changes_nothing(
    github: GitHub, hosted: Hosted, refuses_with: int, message: str
) -> None:
    hosted.contents, hosted.refuses_with = "read", refuses_with
    answers = [
        ask(github, "POST", f"{REPOSITORY}/git/commits", {}),
        ask(github, "PATCH", f"{REPOSITORY}/git/refs/heads/main", {}),
    ]

    assert [said(answer) for answer in answers] == [(refuses_with, message)] * 2
    assert ask(github, "GET", REPOSITORY).json()["permissions"]["push"] is False


def test_a_token_without_rights_sees_nothing(github: GitHub, hosted: Hosted) -> None:
    hosted.pull_requests = "none"
    assert ask(github, "GET", f"{REPOSITORY}/pulls").status_code == 403

    hosted.contents = "none"
    assert ask(github, "GET", f"{REPOSITORY}/branches/main").status_code == 404


@pytest.mark.parametrize("path", [f"{REPOSITORY}/branches/main", f"{REPOSITORY}/pulls"])
def test_a_wrong_header_is_refused_here_too(github: GitHub, path: str) -> None:
    assert ask(github, "GET", path, headers={**HEADERS, "Authorization": "Bearer x"}).status_code == 401
    assert ask(github, "POST", "/graphql", {}, headers={**HEADERS, "Accept": "*/*"}).status_code == 415


def test_the_pull_request_that_brought_a_commit_is_found(github: GitHub, hosted: Hosted) -> None:
    before, merge = tip(hosted), pull(hosted)
    [found] = get(github, f"/commits/{merge}/pulls")

    assert (found["number"], found["merge_commit_sha"], found["base"]["ref"]) == (101, merge, "main")
    assert found["merged_at"]
    assert get(github, f"/commits/{tip(hosted, 'prices')}/pulls") == [found]
    assert get(github, f"/commits/{before}/pulls") == []


def test_pull_requests_are_listed_the_newest_first(github: GitHub, hosted: Hosted) -> None:
    pull(hosted)
    mutate(github, 101)

    def numbers(query: str) -> list[int]:
        return [each["number"] for each in get(github, f"/pulls{query}")]

    assert numbers("") == [102]
    assert numbers("?state=all&base=main") == [102, 101]
    assert numbers("?state=all&base=next") == []
    assert numbers("?state=all&head=shop:prices") == [101]
    assert numbers("?state=all&head=alice:prices") == []
    assert numbers("?state=all&per_page=1&page=2") == [101]
    [shown] = get(github, "/pulls")
    assert (shown["merged_at"], shown["title"], shown["body"]) == (None, "Undo it", "Why")
    assert hosted.git.sha(shown["merge_commit_sha"]) is None


@pytest.mark.parametrize("squash", [False, True], ids=["merge", "squash"])
def test_a_revert_is_a_pull_request_that_undoes_another(
    github: GitHub, hosted: Hosted, *, squash: bool
) -> None:
    before = hosted.git.sha("main", "tree")
    pull(hosted, squash=squash)
    made = mutate(github, 101)["data"]["revertPullRequest"]["revertPullRequest"]

    assert made == {
        "number": 102,
        "url": "https://github.com/shop/checkout/pull/102",
        "headRefName": "revert-101-prices",
    }
    assert hosted.git.sha("revert-101-prices", "tree") == before
    assert hosted.git.sha("main", "tree") != before


def test_a_second_revert_has_another_branch(github: GitHub, hosted: Hosted) -> None:
    pull(hosted)
    mutate(github, 101)
    mutate(github, 101)

    assert [each.head for each in hosted.pulls[1:]] == ["revert-101-prices", "revert-101-prices-1"]


def test_graphql_refuses_in_an_answer_that_says_200(github: GitHub, hosted: Hosted) -> None:
    pull(hosted)

    def kind(number: int) -> str:
        answer = mutate(github, number)
        assert answer["data"] == {"revertPullRequest": None}
        return str(answer["errors"][0]["type"])

    assert kind(999) == "NOT_FOUND"
    hosted.pull_requests = "read"
    assert kind(101) == "FORBIDDEN"
    hosted.pull_requests = "write"
    hosted.git.commit({"app.py": "four\n"}, "Change the same line")
    assert kind(101) == "UNPROCESSABLE"
    assert "errors" in ask(github, "POST", "/graphql", {"query": "{ viewer { login } }"}).json()


def test_more_than_eighty_changes_a_minute_meet_the_secondary_limit(github: GitHub, hosted: Hosted) -> None:
    path = f"{REPOSITORY}/git/refs/heads/main"
    answers = [ask(github, "PATCH", path, {}) for _ in range(81)]

    assert [answer.status_code for answer in answers] == [422] * 80 + [403]
    assert answers[-1].headers["Retry-After"] == "1"
    assert ask(github, "GET", f"{REPOSITORY}/branches/main").status_code == 200


def test_git_says_why_it_failed(hosted: Hosted) -> None:
    with pytest.raises(GitFailed, match="unknown revision"):
        hosted.git.log("nowhere")
