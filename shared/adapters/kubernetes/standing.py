"""Where a workload stands: which version it is, how far its rollout is, which versions ran before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.adapters.kubernetes import wire
from shared.adapters.kubernetes.revisions import Held
from shared.adapters.kubernetes.templates import Template
from shared.domain.workloads import Rollout


@dataclass(frozen=True)
class Standing:
    """What spec, status and history come to.

    `ran` is the history without what was only tried. `pods_of` are the owners whose pods count, by uid.
    `stable_id` is what aborting an update under way goes back to. It is not sure what the template is
    while only the controller can tell, and has not yet.
    """

    template: Template
    rollout: Rollout
    ran: Sequence[Held]
    pods_of: frozenset[str]
    stable_id: str = ""
    is_sure: bool = True


Stands = Callable[[wire.Workload, Template, Sequence[Held]], Standing]


def as_written(rollout: Callable[[wire.Workload], Rollout]) -> Stands:
    """Return how a built-in kind stands: its version is the template in its spec, and all of it runs."""

    def standing(found: wire.Workload, written: Template, held: Sequence[Held]) -> Standing:
        owners = frozenset({found.metadata.uid, *(h.uid for h in held)})
        return Standing(written, rollout(found), held, owners)

    return standing
