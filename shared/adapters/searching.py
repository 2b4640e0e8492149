"""Searches lines for a configured expression, bounded in time."""

import time
from collections.abc import Callable

from shared.errors import PermanentError

SECONDS = 5.0
"""How long all lines of one look may take together."""


def searching(expression: str, *, seconds: float = SECONDS) -> Callable[[str], bool]:
    """Return whether a line holds what the expression describes, asked line by line from now on.

    Some expressions take for ever over some lines, and the library of Python holds up the whole process
    meanwhile; this one is broken off and lets others go on. Raises PermanentError when the time is up.
    """
    import regex

    until = time.monotonic() + seconds
    try:
        pattern = regex.compile(expression)
    except regex.error as error:
        raise PermanentError(f"logs.errors is no regular expression: {error}") from error

    def found(line: str) -> bool:
        try:
            left = max(0.0, until - time.monotonic())
            return pattern.search(line, timeout=left, concurrent=True) is not None
        except TimeoutError as error:
            told = f"logs.errors took longer than {seconds:g} s over the lines: simplify it"
            raise PermanentError(told) from error

    return found
