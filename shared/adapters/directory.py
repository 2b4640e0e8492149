"""Keeps files in a directory."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from shared.domain.reasons import Reason
from shared.errors import TemporaryError


class DirectoryShelf:
    """Writes beside the file and renames, so that nobody ever reads half of one."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def put(self, name: str, text: str) -> str:
        path = self._directory / name
        try:
            if not self._holds(path, text):
                self._write(path, text)
        except OSError as error:
            why = f"{path} cannot be written: {error.strerror or type(error).__name__}"
            raise TemporaryError(why, reason=Reason.INTERNAL) from error
        return str(path)

    def _holds(self, path: Path, text: str) -> bool:
        try:
            return path.read_bytes() == text.encode()
        except FileNotFoundError:
            return False

    def _write(self, path: Path, text: str) -> None:
        with NamedTemporaryFile(dir=self._directory, prefix=f".{path.name}.", delete=False) as made:
            beside = Path(made.name)
            try:
                made.write(text.encode())
                made.flush()
                os.fsync(made.fileno())
                beside.chmod(0o644)
                beside.replace(path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
