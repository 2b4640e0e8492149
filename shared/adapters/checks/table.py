"""Checks the table, by asking it what the engine asks: its keys and both indexes answer, or they do not."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shared.domain.prerequisites import Finding, State
from shared.errors import BackoutError, ConfigurationError, TemporaryError
from shared.ports import Records

NAME = "table"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing was due then, so that to ask is no sweep, and no find of one is counted."""

_MEND = (
    "Make it with `backout table create`, which also tells what differs from what Backout needs; check "
    "BACKOUT_TABLE, the region and the credentials."
)


def check(records: Records, now: datetime) -> Sequence[Finding]:
    """Read by key, then from each index."""
    asked: list[tuple[str, Callable[[], object]]] = [
        ("its keys", lambda: records.read(freezes=True)),
        ("its index due", lambda: records.due(LONG_AGO, limit=1)),
        ("its index recent", lambda: records.recent(f"{now:%Y-%m-%d}", limit=1)),
    ]
    for part, ask in asked:
        try:
            ask()
        except ConfigurationError as error:
            return [Finding(NAME, State.MISSING, f"{part}: {error}", _MEND)]
        except TemporaryError as error:
            return [Finding(NAME, State.BROKEN, f"{part}: {error}", "Ask again; see whether it answers.")]
        except BackoutError as error:
            return [Finding(NAME, State.BROKEN, f"{part}: {error}", _MEND)]
    return [Finding(NAME, State.OK, "its keys and its indexes due and recent answer")]
