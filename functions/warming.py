"""Warming: heavy clients are loaded and connected before the first message needs them."""

from collections.abc import Iterator

from shared.bootstrap import Outside
from shared.errors import BackoutError


def warm(outside: Outside) -> Iterator[str]:
    """Have every adapter that can (by a method `warm`) load libraries and open connections.

    Yield a sentence for each that could not, which is no end.
    """
    adapters = {name: getattr(outside, name) for name in ("workloads", "signals", "health")}
    for name, adapter in {**adapters, **outside.channels}.items():
        warmed = getattr(adapter, "warm", None)
        if callable(warmed):
            try:
                warmed()
            except BackoutError as error:
                yield f"{name}: {error}"
