"""What the stand-ins of feature-flag vendors have in common; each has a module of its own."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from starlette.responses import JSONResponse, Response

from sandbox.receivers.receiving import Received, Receiver, Refused

TOKEN: Final = "sandbox-flags-token"  # noqa: S105 - made up, worth nothing outside the sandbox
READER: Final = "sandbox-flags-reader"
"""A token that may read and not change."""

PROJECT: Final = "shop"
ENVIRONMENT: Final = "production"


class FlagReceiver(Receiver):
    """Flags of one project in one environment: `flags` says which are on.

    `approvals` is whether people must approve changes first; `changes` are those made, with the comment
    that came with each (empty where the vendor takes none).
    """

    def __init__(self, flags: Mapping[str, bool], *, approvals: bool = False, port: int = 0) -> None:
        super().__init__(port=port)
        self.flags = dict(flags)
        self.approvals = approvals
        self.changes: list[tuple[str, bool, str]] = []
        self._losing = False

    @abstractmethod
    def refusal(self, status: int, message: str) -> JSONResponse:
        """Shape a refusal as the vendor does."""

    def failure(self, status: int, message: str, headers: Mapping[str, str]) -> Response:
        answer = self.refusal(status, message)
        answer.headers.update(headers)
        return answer

    def not_found(self) -> Response:
        return self.refusal(404, "Not found")

    def refuse(self, status: int, message: str) -> Refused:
        """Return the refusal, to be raised."""
        return Refused(self.refusal(status, message))

    def missing(self) -> Refused:
        """Return the refusal of what does not exist, to be raised."""
        return Refused(self.not_found())

    def switch(self, flag: str, on: bool, comment: str = "") -> None:
        """Switch a flag and remember it."""
        self.flags[flag] = on
        self.changes.append((flag, on, comment))
        if self._losing:
            self._losing = False
            raise self.refuse(502, "the answer got lost")

    def lose_next_change(self) -> None:
        """Make the next change, then answer 502; calls that only read are answered before it."""
        self._losing = True

    def body(self, received: Received) -> object:
        """Return the decoded body, which must be said to be JSON."""
        if received.media_type != "application/json":
            raise self.refuse(415, f"Unsupported media type {received.media_type!r} in request.")
        try:
            return received.json()
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.refuse(400, "JSON parse error") from None

    def found(self, flag: str, known: Sequence[str] | None = None) -> str:
        """Return the flag's name if there is such a flag."""
        if flag not in (self.flags if known is None else known):
            raise self.missing()
        return flag
