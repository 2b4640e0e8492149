"""A caller who remembers who was called."""

from shared.errors import BackoutError
from shared.ports import Message


class FakeCaller:
    """Keeps each call as level and message; the next ones may be made to fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Message]] = []
        self.again: list[bool] = []
        self.errors: list[BackoutError] = []

    @property
    def levels(self) -> list[str]:
        """The levels called so far, in order."""
        return [level for level, _ in self.calls]

    def call(self, level: str, message: Message, *, again: bool = False) -> str:
        self.again.append(again)
        if self.errors:
            raise self.errors.pop(0)
        self.calls.append((level, message))
        return f"call-{len(self.calls)}"
