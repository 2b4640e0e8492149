"""Real bare git repositories on disk, and what people do in them. Needs the program git on the path."""

import io
import os
import posixpath
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Self

BRANCH = "main"
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

_SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{role}_NAME": "Alice" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "alice@example.com" for role in ("AUTHOR", "COMMITTER")},
}
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}
_SECONDS = 10.0
_FORMAT = "%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%at%x1f%cn%x1f%ce%x1f%ct%x1f%B"


class GitFailed(RuntimeError):
    """The program refused; the message is what it wrote."""


@dataclass(frozen=True)
class Signature:
    """Who made a commit, and when, in seconds since 1970."""

    name: str
    email: str
    at: int


@dataclass(frozen=True)
class Commit:
    """A commit as it is stored."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


def git(
    *arguments: str | Path, at: Path, stdin: str = "", variables: Mapping[str, str] = NO_VARIABLES
) -> str:
    """Run git in the folder `at`, without anybody's settings; return what it wrote. Raises `GitFailed`."""
    return _ran(*arguments, at=at, stdin=stdin, variables=variables).decode(**_ENCODING).removesuffix("\n")


def _ran(*arguments: str | Path, at: Path, variables: Mapping[str, str], stdin: str = "") -> bytes:
    environment = {"PATH": os.environ.get("PATH", os.defpath), **_SETTINGS, **variables}
    done = subprocess.run(
        ["git", *arguments],
        cwd=at,
        env=environment,
        input=stdin.encode(**_ENCODING),
        check=False,
        capture_output=True,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise GitFailed((done.stderr or done.stdout).decode(**_ENCODING).strip())
    return done.stdout


@dataclass(frozen=True)
class Repository:
    """The bare repository in the folder `path`."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty one, whose HEAD is the branch that is committed to by default."""
        repository = cls(path)
        path.mkdir(parents=True, exist_ok=True)
        repository.git("init", "-q", "--bare", "-b", BRANCH)
        return repository

    @property
    def url(self) -> str:
        """What names it to whoever clones."""
        return f"file://{self.path}"

    def git(
        self, *arguments: str | Path, stdin: str = "", variables: Mapping[str, str] = NO_VARIABLES
    ) -> str:
        """Run git in it."""
        return git(*arguments, at=self.path, stdin=stdin, variables={**self._variables, **variables})

    @property
    def _variables(self) -> Mapping[str, str]:
        """Say that this is the repository, whatever folder of another one it may be in."""
        return {"GIT_DIR": str(self.path)}

    def sha(self, name: str, kind: str = "commit") -> str | None:
        """Return the whole name of the object that a reference or an abbreviation stands for, if one does."""
        try:
            return self.git("rev-parse", "--verify", "-q", "--end-of-options", f"{name}^{{{kind}}}")
        except GitFailed:
            return None

    def tip(self, branch: str = BRANCH) -> str | None:
        """Return the commit that a branch points to, if there is such a branch."""
        return self.sha(f"refs/heads/{branch}")

    def files(self, revision: str, folder: str = "") -> dict[str, str]:
        """Return the texts of all files under a folder at a revision, by their paths in the folder.

        Raises `GitFailed` where there is no such folder.
        """
        inside = posixpath.normpath(f"/{folder}").lstrip("/")
        named = f"{revision}:{inside}" if inside else revision
        packed = _ran("archive", "--format=tar", named, at=self.path, variables=self._variables)
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            found = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
            return {name: file.read().decode() for name, file in found.items() if file is not None}

    def log(self, *options: str) -> Sequence[Commit]:
        """Return the commits that ``git log`` lists with those options, in its order."""
        listed = self.git("log", "-z", f"--format={_FORMAT}", *options)
        return [_commit(record) for record in listed.split("\0") if record]

    def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        """Count the commits that only `head` has, and those that only `base` has."""
        behind, ahead = self.git("rev-list", "--left-right", "--count", f"{base}...{head}").split()
        return int(ahead), int(behind)

    def make_commit(self, tree: str, parents: Sequence[str], message: str, **signed: Signature) -> str:
        """Store a commit, byte for byte the one that git would, with the `author` and the `committer`."""
        variables = {}
        for role, who in signed.items():
            variables[f"GIT_{role.upper()}_NAME"] = who.name
            variables[f"GIT_{role.upper()}_EMAIL"] = who.email
            variables[f"GIT_{role.upper()}_DATE"] = f"@{who.at} +0000"
        lines = [argument for parent in parents for argument in ("-p", parent)]
        return self.git("commit-tree", tree, *lines, stdin=message, variables=variables)

    def move(self, branch: str, sha: str) -> None:
        """Let a branch point to a commit."""
        self.git("update-ref", f"refs/heads/{branch}", sha)

    def commit(
        self, files: Mapping[str, str | None], message: str = "change", *, branch: str = BRANCH
    ) -> str:
        """Commit files to a branch (None: without that file), as a push of one commit would."""
        who = "Alice <alice@example.com> now"
        lines = [f"commit refs/heads/{branch}", f"committer {who}", _data(f"{message}\n")]
        lines += [f"from refs/heads/{branch}^0"] if self.tip(branch) else []
        for name, content in files.items():
            lines += [f"D {name}"] if content is None else [f"M 100644 inline {name}", _data(content)]
        self.git("fast-import", "--quiet", "--date-format=now", stdin="\n".join([*lines, ""]))
        made = self.tip(branch)
        assert made is not None
        return made

    def merge(self, branch: str, head: str, message: str, *, squash: bool = False) -> str:
        """Merge the commit `head` into a branch. Raises `GitFailed` where they conflict."""
        with self.checked_out(branch) as folder:
            if squash:
                git("merge", "-q", "--squash", head, at=folder)
                git("commit", "-q", "-m", message, at=folder)
            else:
                git("merge", "-q", "--no-ff", "-m", message, head, at=folder)
            made = git("rev-parse", "HEAD", at=folder)
        self.move(branch, made)
        return made

    def revert(self, sha: str, *, on: str) -> str:
        """Make the commit that undoes another on top of `on`. Raises `GitFailed` where that conflicts."""
        mainline = ["-m", "1"] if len(self.log("-1", sha)[0].parents) > 1 else []
        with self.checked_out(on) as folder:
            git("revert", "--no-edit", *mainline, sha, at=folder)
            return git("rev-parse", "HEAD", at=folder)

    @contextmanager
    def checked_out(self, name: str) -> Iterator[Path]:
        """Lend a folder with the files of a commit or branch; commits made there stay in the repository."""
        with TemporaryDirectory(prefix="sandbox-git-") as folder:
            place = Path(folder) / "tree"
            self.git("worktree", "add", "-q", "--detach", place, name)
            try:
                yield place
            finally:
                self.git("worktree", "remove", "--force", place)


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


def _commit(record: str) -> Commit:
    sha, tree, parents, *signed, message = record.split("\x1f", 9)
    author, committer = (Signature(name, email, int(at)) for name, email, at in (signed[:3], signed[3:]))
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n"))
