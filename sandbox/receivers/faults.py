"""What goes wrong on purpose."""

from dataclasses import dataclass

from starlette.responses import Response


@dataclass
class Fault:
    """Something wrong with the next `left` requests (None: with all) whose path begins with `path`.

    `answer` is given in place of the real one: without acting on the request, or `acted` after it, as a
    proxy does that loses the answer on its way. `method` keeps it to requests of that method.
    """

    path: str = ""
    left: int | None = None
    delay_seconds: float = 0.0
    answer: Response | None = None
    acted: bool = False
    method: str = ""


@dataclass(frozen=True)
class Trouble:
    """What befalls one request: the sum of the delays, and the first answer that replaces the real one."""

    delay_seconds: float = 0.0
    instead: Response | None = None
    afterwards: Response | None = None


class Faults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those that are."""
        self._faults.append(fault)

    def clear(self) -> None:
        """End every fault."""
        self._faults.clear()

    def take(self, method: str, path: str) -> Trouble:
        """Say what befalls a request, and count it."""
        delay_seconds, answering = 0.0, None
        for fault in list(self._faults):
            if fault.left == 0 or not path.startswith(fault.path) or fault.method not in {"", method}:
                continue
            if fault.answer is not None:
                if answering is not None:
                    continue
                answering = fault
            delay_seconds += fault.delay_seconds
            if fault.left is not None:
                fault.left -= 1
        if answering is None:
            return Trouble(delay_seconds)
        if answering.acted:
            return Trouble(delay_seconds, afterwards=answering.answer)
        return Trouble(delay_seconds, instead=answering.answer)
