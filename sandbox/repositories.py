"""Bare git repositories on disk, by the git program: what stand-ins deploy from and people commit to."""

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

BRANCH = "main"
_SECONDS = 10.0
_ZONE = "+0000"
# Nothing of the machine's own configuration may change what happens here.
_ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


class RepositoryError(Exception):
    """git refused; the text is its own."""


class Repository:
    """A bare repository at `path`; `url` names it to whoever clones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"file://{path}"

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty repository, whose HEAD is the branch that is committed to by default."""
        repository = cls(path)
        path.mkdir(parents=True)
        repository._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
        return repository

    def commit(
        self, files: Mapping[str, str | None], message: str, *, branch: str = BRANCH, author: str = "alice"
    ) -> str:
        """Put a commit on a branch and return its hash; a file of None is deleted, others stay."""
        who = f"{author} <{author}@example.com> {int(time.time())} {_ZONE}".encode()
        stream = [
            b"commit refs/heads/" + branch.encode(), b"author " + who, b"committer " + who, _data(message),
        ]  # fmt: skip
        if self._git("branch", "--list", branch):
            stream.append(f"from refs/heads/{branch}^0".encode())
        for name, text in files.items():
            if text is None:
                stream.append(f"D {name}".encode())
            else:
                stream += [f"M 100644 inline {name}".encode(), _data(text)]
        self._git("fast-import", "--quiet", stdin=b"\n".join(stream) + b"\n")
        return self.resolve(branch)

    def resolve(self, revision: str) -> str:
        """Return the hash of the commit that a branch, a tag, HEAD or a hash names."""
        return (
            self._git("rev-parse", "--verify", "--quiet", f"{revision or 'HEAD'}^{{commit}}").decode().strip()
        )

    def files(self, revision: str, folder: str = "") -> dict[str, str]:
        """Return the texts of the files right in a folder at a revision, by name."""
        inside = folder.strip("./")
        archive = self._git("archive", "--format=tar", f"{revision}:{inside}" if inside else revision)
        found: dict[str, str] = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() and "/" not in member.name else None
                if content is not None:
                    found[member.name] = content.read().decode()
        return found

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        ran = subprocess.run(
            ["git", *arguments],
            cwd=self.path, input=stdin, capture_output=True, timeout=_SECONDS, check=False,
            env={**os.environ, **_ENVIRONMENT, "GIT_DIR": str(self.path)},
        )  # fmt: skip
        if ran.returncode != 0:
            why = ran.stderr.decode(errors="replace").strip() or "no such revision"
            raise RepositoryError(f"git {' '.join(arguments)}: {why}")
        return ran.stdout


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n" % len(raw) + raw
