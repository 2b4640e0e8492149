import json
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.git import Repository, git
from sandbox.receivers import GitHub
from sandbox.receivers.github import TOKEN
from sandbox.receivers.github_hosted import Hosted, PullRequest
from shared.adapters.github_reverts import GitHubRepositories
from shared.domain.changes import Applied
from shared.domain.owners import Reverted
from shared.errors import PermanentError, TemporaryError
from tests.contract.repositories import BY_COMMIT, BY_PULL, ID, NAME, revert_of
from tests.fakes.http_server import Answer, serving

GITLINK = "1" * 40
NO_PULL = "Changes must be made through a pull request."


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("no git on the path")
    return Repository.create(tmp_path / "checkout.git")


@pytest.fixture
def hosted(repository: Repository) -> Hosted:
    repository.commit({"app.py": "one\ntwo\nthree\n", "keep.txt": "kept\n"}, "Begin")
    return Hosted(repository)


@pytest.fixture
def github(hosted: Hosted) -> Iterator[GitHub]:
    with GitHub(repositories={NAME: hosted}) as server:
        yield server


def repositories(github: GitHub, *, token: str = TOKEN, seconds: float = 12.0) -> GitHubRepositories:
    return GitHubRepositories(github.url, token, seconds=seconds)


def pull(
    hosted: Hosted, title: str = "Take new prices", *, content: str = "ONE\ntwo\nthree\n"
) -> PullRequest:
    branch = title.lower().replace(" ", "-")
    hosted.git.move(branch, "main")
    hosted.git.commit({"app.py": content}, title, branch=branch)
    return hosted.open(title, branch)


def merged(hosted: Hosted, title: str = "Take new prices", *, squash: bool = False) -> str:
    return hosted.merge(pull(hosted, title), squash=squash)


def later(hosted: Hosted) -> str:
    """Push something else on top."""
    return hosted.git.commit({"other.txt": "other\n"}, "Write down the other thing")


def tree(hosted: Hosted, name: str) -> str:
    found = hosted.git.sha(name, "tree")
    assert found is not None
    return found


# What the commit holds


def rename(folder: Path) -> None:
    git("mv", "app.py", "moved.py", at=folder)


def delete(folder: Path) -> None:
    git("rm", "-q", "app.py", at=folder)


def executable(folder: Path) -> None:
    git("update-index", "--chmod=+x", "app.py", at=folder)


def symlink(folder: Path) -> None:
    (folder / "link").symlink_to("app.py")
    git("add", "link", at=folder)


def submodule(folder: Path) -> None:
    git("update-index", "--add", "--cacheinfo", f"160000,{GITLINK},vendor/lib", at=folder)


def binary(folder: Path) -> None:
    (folder / "logo.bin").write_bytes(bytes(range(256)) * 5)
    git("add", "logo.bin", at=folder)


def everything(folder: Path) -> None:
    for change in (symlink, submodule, binary, rename):
        change(folder)
    git("rm", "-q", "keep.txt", at=folder)


@pytest.mark.parametrize("how", ["merge", "squash", "push"])
@pytest.mark.parametrize(
    "change",
    [rename, delete, executable, symlink, submodule, binary, everything],
    ids=lambda each: each.__name__,
)
def test_the_revert_is_what_git_would_make(
    github: GitHub, hosted: Hosted, tmp_path: Path, change: Callable[[Path], None], how: str
) -> None:
    with hosted.git.checked_out("main") as folder:
        change(folder)
        git("commit", "-q", "-m", "Take new prices", "-m", "They are higher.", at=folder)
        hosted.git.move("main" if how == "push" else "prices", git("rev-parse", "HEAD", at=folder))
    if how != "push":
        hosted.git.commit({"unrelated.txt": "meanwhile\n"}, "Something in between")
        hosted.merge(hosted.open("Take new prices", "prices"), squash=how == "squash")
    commit = hosted.git.tip("main")
    assert commit is not None

    assert repositories(github).look(NAME, "main", commit) == BY_COMMIT
    assert repositories(github).apply(revert_of(commit)) is Applied.CHANGED

    clone = tmp_path / "clone"
    git("clone", "-q", hosted.git.path, clone, at=tmp_path)
    git("checkout", "-q", commit, at=clone)
    git("revert", "--no-edit", *(["-m", "1"] if how == "merge" else []), "HEAD", at=clone)
    [made] = hosted.git.log("-1", "main")
    assert made.tree == git("rev-parse", "HEAD^{tree}", at=clone)
    assert made.message.startswith(f"{git('log', '-1', '--format=%B', at=clone)}\n".rstrip("\n"))
    assert made.parents == (commit,)


def test_the_commit_says_why_and_whose_it_is(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    repositories(github).apply(replace(revert_of(commit), cause="error_rate_high\nFixes: nothing"))

    [made] = hosted.git.log("-1", "main")
    assert made.message == (
        f'Revert "Merge pull request #101 from shop/take-new-prices"\n\n'
        f"This reverts commit {commit}, reversing\n"
        f"changes made to {hosted.git.sha('main~2')}.\n\n"
        f"error_rate_high Fixes: nothing\n\n"
        f"Backout-Response: {ID}"
    )
    assert (made.author.name, made.author.at) == ("Backout", 1_772_452_800)
    assert made.committer == made.author


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_commit_may_be_abbreviated(github: GitHub, hosted: Hosted, digits: int) -> None:
    commit = merged(hosted)
    short = commit[:digits]

    assert repositories(github).look(NAME, "main", short) == BY_COMMIT
    assert repositories(github).apply(revert_of(short)) is Applied.CHANGED
    assert repositories(github).apply(revert_of(short)) is Applied.ALREADY
    assert tree(hosted, "main") == tree(hosted, f"{commit}~1")


def test_a_branch_may_have_a_slash_in_its_name(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    hosted.git.move("release/1.2#3", commit)
    change = replace(revert_of(commit), branch="release/1.2#3")

    assert repositories(github).look(NAME, change.branch, commit) == BY_COMMIT
    assert repositories(github).apply(change) is Applied.CHANGED
    assert repositories(github).apply(change) is Applied.ALREADY
    assert hosted.git.tip("main") == commit


# Once, and only over the world that was looked at


def test_the_same_change_makes_the_same_commit_again(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    repositories(github).apply(revert_of(commit))
    made = hosted.git.tip("main")
    hosted.git.move("main", commit)

    repositories(github).apply(revert_of(commit))

    assert hosted.git.tip("main") == made


@pytest.mark.parametrize("path", ["/git/commits", "/git/refs"])
def test_a_commit_whose_answer_was_lost_is_not_made_again(github: GitHub, hosted: Hosted, path: str) -> None:
    commit = merged(hosted)
    expected = Applied.ALREADY if path == "/git/refs" else Applied.CHANGED
    if path == "/git/refs":
        github.lose_answers(path=f"/repos/{NAME}{path}")
    else:
        github.lose_answers(times=2, path=f"/repos/{NAME}{path}")  # the tree is read by this path too
    with pytest.raises(TemporaryError):
        repositories(github).apply(revert_of(commit))
    github.mend()

    assert repositories(github).apply(revert_of(commit)) is expected
    assert hosted.git.ahead_behind(commit, "main") == (1, 0)


def test_it_is_known_again_when_others_have_pushed_since(github: GitHub, hosted: Hosted) -> None:
    change = revert_of(merged(hosted))
    repositories(github).apply(change)
    made = hosted.git.tip("main")
    for _ in range(40):
        hosted.git.commit({}, "Trigger a build")

    assert repositories(github).apply(change) is Applied.ALREADY
    assert repositories(github).reverted(change) == Reverted(
        f"https://github.com/{NAME}/commit/{made}", made or ""
    )


def test_a_push_in_between_is_not_overwritten(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    hosted.meanwhile = lambda: later(hosted)

    assert repositories(github).apply(revert_of(commit)) is Applied.MOVED
    assert [each.message for each in hosted.git.log(f"{commit}..main")] == ["Write down the other thing"]


def test_two_at_once_make_one_commit(github: GitHub, hosted: Hosted) -> None:
    change = revert_of(merged(hosted))
    made: list[str] = []

    def quicker() -> None:
        [unborn] = [each for each in github.received if each.method == "PATCH"]
        made.append(unborn.json()["sha"])
        hosted.git.move("main", made[0])
        later(hosted)

    hosted.meanwhile = quicker

    assert repositories(github).apply(change) is Applied.ALREADY
    assert hosted.git.sha("main~1") == made[0]


# What cannot be undone


def obstacle(github: GitHub, commit: str, *, branch: str = "main", repository: str = NAME) -> str:
    found = repositories(github).look(repository, branch, commit)
    assert found.by == ""
    return found.obstacle


def test_an_unknown_commit_branch_or_repository_is_an_obstacle(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)

    assert "knows no commit" in obstacle(github, "abcdef0" * 5)
    assert "no branch next" in obstacle(github, commit, branch="next")
    assert "no branch main in shop/other" in obstacle(github, commit, repository="shop/other")


@pytest.mark.parametrize("commit", ["", "abc123", "main", "HEAD", "../../x", "0" * 41, "latest1"])
def test_what_names_no_commit_is_an_obstacle(github: GitHub, commit: str) -> None:
    assert "no commit's name" in obstacle(github, commit)
    assert not github.received


@pytest.mark.parametrize("branch", ["", "a/../b"])
def test_what_names_no_branch_is_an_obstacle(github: GitHub, branch: str) -> None:
    assert "no branch's name" in obstacle(github, "0" * 40, branch=branch)
    assert not github.received


def test_a_repository_that_is_none_is_given_up(github: GitHub) -> None:
    with pytest.raises(PermanentError, match="names no repository"):
        repositories(github).look("shop/../admin", "main", "0" * 40)


def test_a_root_commit_is_an_obstacle(github: GitHub, hosted: Hosted) -> None:
    root = hosted.git.tip("main") or ""

    assert "is the first commit" in obstacle(github, root)
    with pytest.raises(PermanentError, match="is the first commit"):
        repositories(github).apply(revert_of(root))


def test_a_commit_that_changes_nothing_is_an_obstacle(github: GitHub, hosted: Hosted) -> None:
    assert "changes no file" in obstacle(github, hosted.git.commit({}, "Trigger a build"))


def test_a_revert_of_ours_is_not_undone(github: GitHub, hosted: Hosted) -> None:
    repositories(github).apply(revert_of(merged(hosted)))

    assert "itself a revert by Backout" in obstacle(github, hosted.git.tip("main") or "")


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_commit_that_is_undone_already_is_an_obstacle(github: GitHub, hosted: Hosted, whose: str) -> None:
    commit = merged(hosted)
    if whose == "ours":
        repositories(github).apply(revert_of(commit))
    else:
        hosted.git.move("main", hosted.git.revert(commit, on="main"))
    tip = hosted.git.tip("main") or ""

    assert obstacle(github, commit) == f"{tip[:10]} on main undoes it already"


def test_a_commit_of_another_branch_is_an_obstacle(github: GitHub, hosted: Hosted) -> None:
    request = pull(hosted)

    assert "is not in main" in obstacle(github, request.head_sha)


def test_an_older_commit_that_was_pushed_is_an_obstacle(github: GitHub, hosted: Hosted) -> None:
    commit = hosted.git.commit({"app.py": "pushed\n"}, "Push it")
    later(hosted)

    assert "no longer the tip of main, and no merged pull request" in obstacle(github, commit)
    with pytest.raises(PermanentError, match="undo it by hand"):
        repositories(github).apply(revert_of(commit, by="pull_request"))


def test_a_commit_on_a_protected_branch_needs_a_pull_request(github: GitHub, hosted: Hosted) -> None:
    pushed = hosted.git.commit({"app.py": "pushed\n"}, "Push it")
    hosted.protected["main"] = NO_PULL
    assert "main is protected, and no merged pull request" in obstacle(github, pushed)

    commit = merged(hosted, squash=True)
    assert repositories(github).look(NAME, "main", commit) == BY_PULL


# What GitHub refuses


@pytest.mark.parametrize(
    "words",
    [
        NO_PULL,
        f"Repository rule violations found\n\n{NO_PULL}\n\n",
        'Required status check "build" is expected.',
        "At least 1 approving review is required by reviewers with write access.",
        "Protected branch update failed for refs/heads/main.",
    ],
)
def test_a_branch_that_was_protected_meanwhile_is_given_up(
    github: GitHub, hosted: Hosted, words: str
) -> None:
    commit = merged(hosted)
    hosted.protected["main"] = words
    with pytest.raises(PermanentError, match=r"main takes no commit without a pull request: .*422"):
        repositories(github).apply(revert_of(commit))

    assert hosted.git.tip("main") == commit


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_without_the_right_to_write_is_given_up(github: GitHub, hosted: Hosted, status: int) -> None:
    commit = merged(hosted)
    hosted.contents, hosted.refuses_with = "read", status
    with pytest.raises(PermanentError, match=f"{status}.*the token needs contents: write"):
        repositories(github).apply(revert_of(commit))


def test_a_wrong_token_is_given_up_and_not_shown(github: GitHub, hosted: Hosted) -> None:
    wrong = "ghp_wr0ng"
    for by in ("commit", "pull_request"):
        with pytest.raises(PermanentError, match="401") as caught:
            repositories(github, token=wrong).apply(revert_of(merged(hosted, by), by=by))
        assert wrong not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(PermanentError, match="401"):
        repositories(github, token=wrong).look(NAME, "main", "0" * 40)


def test_another_refusal_is_told_in_githubs_words(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    github.fail(status=422, path=f"/repos/{NAME}/git/refs")
    with pytest.raises(PermanentError, match=r"main could not be moved: .*made to fail"):
        repositories(github).apply(revert_of(commit))


@pytest.mark.parametrize(
    ("status", "path"), [(403, "/git/refs"), (429, "/git/commits"), (500, "/branches"), (502, "/git/refs")]
)
def test_a_busy_or_broken_github_is_worth_another_try(
    github: GitHub, hosted: Hosted, status: int, path: str
) -> None:
    change = revert_of(merged(hosted))
    github.fail(1, status=status, retry_after=60, path=f"/repos/{NAME}{path}")
    with pytest.raises(TemporaryError) as caught:
        repositories(github).apply(change)

    assert caught.value.retry_after == 60
    assert repositories(github).apply(change) is Applied.CHANGED


def test_a_slow_github_is_left_in_time(github: GitHub, hosted: Hosted) -> None:
    change = revert_of(merged(hosted))
    github.slow(30)
    started = time.monotonic()
    for call in (
        lambda: repositories(github, seconds=0.4).look(NAME, "main", change.commit),
        lambda: repositories(github, seconds=0.4).apply(change),
        lambda: repositories(github, seconds=0.4).reverted(change),
    ):
        with pytest.raises(TemporaryError):
            call()

    assert time.monotonic() - started < 4.0


# By a pull request


@pytest.mark.parametrize("squash", [False, True], ids=["merge", "squash"])
def test_an_older_commit_is_undone_by_a_pull_request(github: GitHub, hosted: Hosted, *, squash: bool) -> None:
    commit = merged(hosted, squash=squash)
    tip = later(hosted)

    assert repositories(github).look(NAME, "main", commit[:8]) == BY_PULL
    change = revert_of(commit[:8], by="pull_request")
    assert repositories(github).reverted(change) is None
    assert repositories(github).apply(change) is Applied.CHANGED

    opened = hosted.pulls[-1]
    assert (opened.title, opened.head) == ('Revert "Take new prices"', "revert-101-take-new-prices")
    assert opened.body == (
        f"Reverts {NAME}#101\n\n```text\nbackout {ID}: revision 42 back to 41\n```\n"
        f"<!-- backout:{ID}/revert -->"
    )
    assert hosted.git.tip("main") == tip
    url = f"https://github.com/{NAME}/pull/{opened.number}"
    assert repositories(github).reverted(change) == Reverted(url, pull_request=opened.number)

    on_main = hosted.merge(opened)
    assert repositories(github).reverted(change) == Reverted(url, on_main, opened.number)
    assert "undoes it already" in obstacle(github, commit)


def test_a_pull_request_whose_answer_was_lost_is_not_opened_again(github: GitHub, hosted: Hosted) -> None:
    change = revert_of(merged(hosted), by="pull_request")
    github.lose_answers(path="/graphql")
    with pytest.raises(TemporaryError):
        repositories(github).apply(change)

    assert repositories(github).apply(change) is Applied.ALREADY
    assert len(hosted.pulls) == 2


def test_the_pull_request_of_a_person_will_do(github: GitHub, hosted: Hosted) -> None:
    request = pull(hosted)
    change = revert_of(hosted.merge(request), by="pull_request")
    theirs = hosted.revert(request, title="Undo it", body="", user="alice")

    assert repositories(github).apply(change) is Applied.ALREADY
    found = repositories(github).reverted(change)
    assert found is not None
    assert found.pull_request == theirs.number


def test_after_one_that_was_turned_down_another_is_opened_once(github: GitHub, hosted: Hosted) -> None:
    request = pull(hosted)
    change = revert_of(hosted.merge(request), by="pull_request")
    hosted.revert(request, title="Undo it", body="", user="alice").state = "closed"

    assert repositories(github).apply(change) is Applied.CHANGED
    assert repositories(github).apply(change) is Applied.ALREADY
    assert hosted.pulls[-1].head == "revert-101-take-new-prices-1"


def test_a_mark_in_the_pull_request_of_another_change_does_not_count(github: GitHub, hosted: Hosted) -> None:
    change = revert_of(merged(hosted), by="pull_request")
    other = pull(hosted, "Look here", content="mine\n")
    other.body = f"<!-- backout:{ID}/revert -->"

    assert repositories(github).apply(change) is Applied.CHANGED


def test_a_conflict_is_given_up_in_words(github: GitHub, hosted: Hosted) -> None:
    commit = merged(hosted)
    hosted.git.commit({"app.py": "1\ntwo\nthree\n"}, "Change the same line")
    with pytest.raises(PermanentError, match=r"#101 cannot be undone by itself.*couldn't be reverted"):
        repositories(github).apply(revert_of(commit, by="pull_request"))

    assert len(hosted.pulls) == 1


@pytest.mark.parametrize("right", ["contents", "pull_requests"])
def test_a_token_that_may_not_open_one_is_given_up(github: GitHub, hosted: Hosted, right: str) -> None:
    commit = merged(hosted)
    setattr(hosted, right, "read")
    with pytest.raises(PermanentError, match="the token needs contents: write and pull requests: write"):
        repositories(github).apply(revert_of(commit, by="pull_request"))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, 60),
        ({"message": "Something went wrong"}, 2),
    ],
)
def test_graphql_may_be_busy_in_an_answer_that_says_200(error: dict[str, str], seconds: float) -> None:
    shown = {
        "number": 7,
        "node_id": "PR_7",
        "html_url": "https://github.com/shop/checkout/pull/7",
        "state": "closed",
        "title": "Take new prices",
        "head": {"ref": "prices", "label": "shop:prices"},
        "base": {"ref": "main"},
        "merged_at": "2026-03-02T11:00:00Z",
        "merge_commit_sha": "c" * 40,
    }
    answers: dict[str, object] = {
        f"/api/v3/repos/{NAME}/commits/{'c' * 40}/pulls": [shown],
        f"/api/v3/repos/{NAME}/pulls": [],
        "/api/graphql": {"data": {"revertPullRequest": None}, "errors": [error]},
    }
    with (
        serving(
            lambda asked: Answer(body=json.dumps(answers[asked.path.partition("?")[0]]).encode())
        ) as server,
        pytest.raises(TemporaryError) as caught,
    ):
        GitHubRepositories(f"{server.url}/api/v3", TOKEN).apply(revert_of("c" * 40, by="pull_request"))

    assert caught.value.retry_after == seconds
