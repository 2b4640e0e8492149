"""GitHub: branches and commits of repositories, through its REST API."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import JSONResponse, Response

from sandbox.git import Commit, Repository, Signature
from sandbox.receivers.github_answers import invalid, page, refused
from sandbox.receivers.github_hosted import Hosted
from sandbox.receivers.receiving import Act, Clock, Received, Refused, decoded

RIGHT_LACKS = "Resource not accessible by personal access token"

Sha = Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]


class Who(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1)]
    email: Annotated[str, Meta(min_length=1)]
    date: datetime | UnsetType = UNSET


class NewCommit(msgspec.Struct, forbid_unknown_fields=True):
    message: Annotated[str, Meta(min_length=1)]
    tree: Sha
    parents: list[Sha] = []
    author: Who | UnsetType = UNSET
    committer: Who | UnsetType = UNSET


class NewPlace(msgspec.Struct, forbid_unknown_fields=True):
    sha: Sha
    force: bool = False


class GitRoutes:
    """What there is of the API for `repositories` (by ``owner/name``); `admit` checks who asks.

    Commits are shown without their files and statistics.
    """

    def __init__(
        self,
        repositories: Mapping[str, Hosted],
        *,
        admit: Callable[[Received], None],
        login: str,
        clock: Clock,
    ) -> None:
        self._repositories, self._admit, self._login, self._clock = repositories, admit, login, clock

    def routes(self) -> Sequence[tuple[str, str, Act]]:
        repository = "/repos/{owner}/{repo}"
        return [
            ("GET", f"{repository}/branches/{{branch:path}}", self._branch),
            ("GET", f"{repository}/git/ref/heads/{{branch:path}}", self._reference),
            ("PATCH", f"{repository}/git/refs/heads/{{branch:path}}", self._move),
            ("GET", f"{repository}/git/commits/{{sha}}", self._stored),
            ("POST", f"{repository}/git/commits", self._make),
            ("GET", f"{repository}/commits", self._list),
            ("GET", f"{repository}/commits/{{name:path}}", self._commit),
            ("GET", f"{repository}/compare/{{ends:path}}", self._compare),
        ]

    def hosted(self, received: Received, *, writes: bool = False) -> Hosted:
        """Find the repository that is asked for, if the token may see it, and change it where it is to."""
        self._admit(received)
        found = self._repositories.get(repository_name(received))
        if found is None or found.contents == "none":
            raise refused(404, "Not Found")
        if writes and found.contents != "write":
            raise lacking(found, "contents=write")
        return found

    def _branch(self, received: Received) -> Response:
        hosted, branch = self.hosted(received), received.parameters["branch"]
        tip = hosted.git.tip(branch)
        if tip is None:
            raise refused(404, "Branch not found")
        commit, protected = shown(received, _found(hosted.git, tip)), branch in hosted.protected
        return JSONResponse({"name": branch, "commit": commit, "protected": protected})

    def _reference(self, received: Received) -> Response:
        hosted, branch = self.hosted(received), received.parameters["branch"]
        tip = hosted.git.tip(branch)
        if tip is None:
            raise refused(404, "Not Found")
        return JSONResponse(_placed(branch, tip))

    def _move(self, received: Received) -> Response:
        hosted, branch = self.hosted(received, writes=True), received.parameters["branch"]
        place = decoded(body_of(received), NewPlace, refuse=lambda why: invalid("Reference", "sha", why))
        if hosted.meanwhile is not None:
            act, hosted.meanwhile = hosted.meanwhile, None
            act()
        tip = hosted.git.tip(branch)
        if tip is None:
            raise refused(422, "Reference does not exist")
        if hosted.git.sha(place.sha) is None:
            raise refused(422, "Object does not exist")
        if branch in hosted.protected:
            raise refused(422, hosted.protected[branch])
        if hosted.git.ahead_behind(tip, place.sha)[1] and not place.force:
            raise refused(422, "Update is not a fast forward")
        hosted.git.move(branch, place.sha)
        return JSONResponse(_placed(branch, place.sha))

    def _stored(self, received: Received) -> Response:
        hosted, sha = self.hosted(received), received.parameters["sha"]
        if re.fullmatch("[0-9a-f]{40}", sha) is None or hosted.git.sha(sha) is None:
            raise refused(404, "Not Found")
        return JSONResponse(_stored(received, _found(hosted.git, sha)))

    def _make(self, received: Received) -> Response:
        hosted = self.hosted(received, writes=True)
        new = decoded(body_of(received), NewCommit, refuse=lambda why: invalid("Commit", "message", why))
        if hosted.git.sha(new.tree, "tree") is None:
            raise refused(422, "Tree SHA does not exist")
        if any(hosted.git.sha(parent) is None for parent in new.parents):
            raise refused(422, "Parent SHA does not exist or is not a commit object")
        user = Who(name=self._login, email=f"{self._login}@users.noreply.github.com")
        author = new.author or user
        signed = {"author": self._signature(author), "committer": self._signature(new.committer or author)}
        made = hosted.git.make_commit(new.tree, new.parents, new.message, **signed)
        return JSONResponse(_stored(received, _found(hosted.git, made)), 201)

    def _signature(self, who: Who) -> Signature:
        at = self._clock() if who.date is UNSET else who.date.timestamp()
        return Signature(who.name, who.email, int(at))

    def _list(self, received: Received) -> Response:
        hosted, query = self.hosted(received), received.query
        start = commit_named(hosted.git, query.get("sha", "main"), status=404)
        number, size = page(received)
        times = [f"--{name}={query[name]}" for name in ("since", "until") if name in query]
        listed = hosted.git.log(*times, f"--skip={(number - 1) * size}", f"-{size}", start)
        return JSONResponse([shown(received, commit) for commit in listed])

    def _commit(self, received: Received) -> Response:
        hosted = self.hosted(received)
        sha = commit_named(hosted.git, received.parameters["name"], status=422)
        return JSONResponse(shown(received, _found(hosted.git, sha)))

    def _compare(self, received: Received) -> Response:
        hosted = self.hosted(received)
        ends = [hosted.git.sha(name) for name in received.parameters["ends"].split("...")]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            raise refused(404, "Not Found")
        base, head = ends[0], ends[1]
        ahead, behind = hosted.git.ahead_behind(base, head)
        status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
        number, size = page(received)
        commits = list(reversed(hosted.git.log(f"{base}..{head}")))[(number - 1) * size : number * size]
        return JSONResponse(
            {
                "base_commit": shown(received, _found(hosted.git, base)),
                "status": status.get((ahead > 0, behind > 0), "diverged"),
                "ahead_by": ahead,
                "behind_by": behind,
                "total_commits": ahead,
                "commits": [shown(received, commit) for commit in commits],
            }
        )


def repository_name(received: Received) -> str:
    """Return ``owner/name`` of the path."""
    return f"{received.parameters['owner']}/{received.parameters['repo']}"


def lacking(hosted: Hosted, right: str) -> Refused:
    """Return the refusal of a token that lacks a right."""
    if hosted.refuses_with == 404:
        return refused(404, "Not Found")
    return refused(hosted.refuses_with, RIGHT_LACKS, {"X-Accepted-GitHub-Permissions": right})


def body_of(received: Received) -> Any:
    """Decode a body, or refuse as GitHub does."""
    try:
        return received.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refused(400, "Problems parsing JSON") from None


def commit_named(git: Repository, name: str, *, status: int) -> str:
    """Find a commit by its sha, an abbreviation of it, or a branch."""
    sha = git.sha(name)
    if sha is None:
        raise refused(status, f"No commit found for SHA: {name}")
    return sha


def shown(received: Received, commit: Commit) -> dict[str, Any]:
    """Shape a commit as most of the API does."""
    return {
        "sha": commit.sha,
        "html_url": _page(received, commit),
        "commit": {
            "author": _signed(commit.author),
            "committer": _signed(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree},
        },
        "parents": [{"sha": parent} for parent in commit.parents],
    }


def _stored(received: Received, commit: Commit) -> dict[str, Any]:
    """Shape a commit as the git database does."""
    whole = shown(received, commit)
    return {**{name: whole[name] for name in ("sha", "html_url", "parents")}, **whole["commit"]}


def _found(git: Repository, sha: str) -> Commit:
    return git.log("-1", sha)[0]


def _page(received: Received, commit: Commit) -> str:
    return f"https://github.com/{repository_name(received)}/commit/{commit.sha}"


def _signed(who: Signature) -> dict[str, str]:
    return {
        "name": who.name,
        "email": who.email,
        "date": f"{datetime.fromtimestamp(who.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _placed(branch: str, sha: str) -> dict[str, Any]:
    return {"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": sha}}
