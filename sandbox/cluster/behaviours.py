"""Say how the containers of an image behave, as nothing real runs in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What containers of one image do; the default is a well-behaved one."""

    ready: bool = True
    # None takes the cluster's own start_seconds.
    start_seconds: float | None = None
    crash: bool = False
    pull_error: bool = False
    cpu_cores: float = 0.01
    memory_bytes: int = 32 * 1024 * 1024
    log_lines: tuple[str, ...] = ()


WELL_BEHAVED = Behaviour()


class Behaviours:
    """Look behaviours up by image; what is not in the table is well-behaved."""

    def __init__(self, table: Mapping[str, Behaviour]) -> None:
        self._table = dict(table)

    def of(self, image: str) -> Behaviour:
        return self._table.get(image, WELL_BEHAVED)

    def put(self, image: str, behaviour: Behaviour) -> None:
        self._table[image] = behaviour
