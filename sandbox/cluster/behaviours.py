"""Say how the containers of an image behave, as nothing real runs in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.cluster.objects import Object, name_of


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What containers of one image do; the default is a well-behaved one."""

    ready: bool = True
    # None takes the cluster's own start_seconds.
    start_seconds: float | None = None
    crash: bool = False
    # Names of pods that crash though the image is well: what they find on their volume, say, breaks them.
    crash_in: tuple[str, ...] = ()
    pull_error: bool = False
    # No node has room for them.
    no_room: bool = False
    # A pod that is deleted stays for ever, as when its node has lost touch; only a forced deletion helps.
    hang_terminating: bool = False
    # In a pod that runs to its end (a Job's): how long, and the code it ends with; None runs for ever.
    run_seconds: float = 0.0
    exit_code: int | None = 0
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

    def of_pod(self, pod: Object) -> list[Behaviour]:
        return [self.in_pod(pod, container["image"]) for container in pod["spec"]["containers"]]

    def in_pod(self, pod: Object, image: str) -> Behaviour:
        """Return how an image behaves in this pod."""
        behaviour = self.of(image)
        return replace(behaviour, crash=True) if name_of(pod) in behaviour.crash_in else behaviour

    def put(self, image: str, behaviour: Behaviour) -> None:
        self._table[image] = behaviour
