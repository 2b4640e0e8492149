"""Warming: heavy clients are loaded and connected before the first message needs them."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from shared.bootstrap import Outside
from shared.errors import BackoutError


@runtime_checkable
class Warmable(Protocol):
    """An adapter that has something to load."""

    def warm(self) -> None:
        """Load libraries and open connections. Raises BackoutError when the other side does not answer."""
        ...


def warm(outside: Outside) -> Iterator[str]:
    """Warm every adapter that can be; yield a sentence for each that could not, which is no end."""
    adapters = {name: getattr(outside, name) for name in ("workloads", "signals", "health")}
    for name, adapter in {**adapters, **outside.channels}.items():
        if isinstance(adapter, Warmable):
            try:
                adapter.warm()
            except BackoutError as error:
                yield f"{name}: {error}"
