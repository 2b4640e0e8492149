"""Running: what is started and stopped, and can be used as a block for as long as it runs."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Running(ABC):
    """Has `start` and `stop`; as a block it is started at its beginning and stopped at its end."""

    @abstractmethod
    def start(self) -> None:
        """Return once it runs."""

    @abstractmethod
    def stop(self) -> None:
        """Return when it runs no more."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
