"""People who remember what they were told."""

from shared.errors import BackoutError, TemporaryError
from shared.ports import Message


class FakePeople:
    """Keeps the messages it was `told`; the next deliveries may be made to fail."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.attempts = 0
        self._failures: list[BackoutError] = []

    @property
    def titles(self) -> list[str]:
        """The titles told so far, in order."""
        return [message.title for message in self.told]

    def fails(self, times: int = 1, error: BackoutError | None = None) -> None:
        """Make the next deliveries raise `error`, a temporary one unless given."""
        self._failures.extend([error or TemporaryError("nobody answers")] * times)

    def tell(self, message: Message, *, anchor: str = "", again: bool = False) -> str:
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        self.told.append(message)
        return f"receipt-{len(self.told)}"
