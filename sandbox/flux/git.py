"""A bare git repository on disk, by the git program: a team commits to it, and Flux polls it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PERSON = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Team"), ("EMAIL", "team@shop.example"))
}
_ALONE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


class GitFailed(RuntimeError):
    """The git program refused; the message is its own."""


@dataclass(frozen=True)
class BareRepository:
    """The repository whose `.git` folder is `path`."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty one."""
        repository = cls(path)
        path.mkdir(parents=True)
        repository._git("init", "--quiet", "--bare")
        return repository

    def commit(
        self, files: Mapping[str, str | None], *, message: str = "change", branch: str = "main"
    ) -> str:
        """Put a commit on the branch that writes files by path, and removes those that are None."""
        tip = self.tip(branch)
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            if tip:
                self._git("read-tree", tip, environment=index)
            for path, text in files.items():
                if text is None:
                    self._git("rm", "--quiet", "--cached", "--", path, environment=index)
                    continue
                blob = self._git("hash-object", "-w", "--stdin", text=text.encode()).decode().strip()
                added = f"100644,{blob},{path}"
                self._git("update-index", "--add", "--cacheinfo", added, environment=index)
            tree = self._git("write-tree", environment=index).decode().strip()
        parents = ["-p", tip] if tip else []
        made = self._git("commit-tree", tree, *parents, "-m", message).decode().strip()
        self._git("update-ref", f"refs/heads/{branch}", made, tip or "0" * 40)
        return made

    def tip(self, branch: str = "main") -> str:
        """Return the commit that the branch points to, empty when there is no such branch."""
        found = self._git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return found.decode().strip()

    def files(self, commit: str, folder: str = "") -> dict[str, str]:
        """Return the text of every file in a folder at a commit, by its path."""
        where = [folder] if folder else []
        archive = self._git("archive", "--format=tar", commit, *where)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            found = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
            return {name: file.read().decode() for name, file in found.items() if file is not None}

    def _git(self, *arguments: str, text: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        settings = {**os.environ, **_ALONE, **_PERSON, **(environment or {}), "GIT_DIR": str(self.path)}
        done = subprocess.run(
            ["git", *arguments], input=text, env=settings, capture_output=True, check=False, cwd=self.path
        )
        if done.returncode != 0:
            raise GitFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout
