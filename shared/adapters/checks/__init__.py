"""Checks: whether each prerequisite is there and works. They look, and change nothing anywhere.

A check takes no argument and returns findings; `running.findings` runs many side by side.
"""

from collections.abc import Callable, Sequence

from shared.domain.prerequisites import Finding

Check = Callable[[], Sequence[Finding]]
"""Looks at one prerequisite. What raises BackoutError is told as broken."""
