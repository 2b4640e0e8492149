"""An owner in memory, by the port's rules: it stops, rolls back by its own history, and starts again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shared.domain.changes import Applied, OwnerChange, ResumeOwner, RollBackByOwner, StopOwner
from shared.domain.owners import Ownership, Suspension, Target
from shared.domain.workloads import Revision, Workload
from shared.errors import BackoutError


@dataclass
class FakeOwner:
    """What is known of one owner. `history` are images by id, the last one what it last applied.

    `rolls_back` puts an image into the cluster, as the owner's own rollback does. It is in step when
    `synced`, once there is a revert, or when it is `gone`. An error in `errors` is raised by the next call.
    """

    state: Ownership
    history: dict[str, str] = field(default_factory=dict)
    rolls_back: Callable[[str], object] = lambda image: None
    marker: str = ""
    synced: bool = False
    gone: bool = False
    errors: list[BackoutError] = field(default_factory=list)
    applied: list[OwnerChange] = field(default_factory=list)

    def look(self, workload: Workload) -> Ownership | None:
        self._fail()
        state = self.state
        if workload.owner is None or workload.owner.kind != state.kind:
            return None
        if self.gone:
            return Ownership(state.kind, state.namespace, state.name)
        others = tuple(ref for ref in state.companions if ref != workload.ref)
        return replace(state, companions=others, stopped_by="" if state.running else self.marker)

    def target(self, workload: Workload, ownership: Ownership, to: Revision) -> Target | None:
        self._fail()
        ids = list(self.history)
        found = [id_ for id_ in ids[:-1] if self.history[id_] in to.images.values()]
        return Target(found[-1], seen=ids[-1], told=f"history {found[-1]}") if found else None

    def apply(self, change: OwnerChange) -> Applied:
        self._fail()
        if self.gone:
            return Applied.MOVED
        match change:
            case StopOwner():
                made = self._stop(change)
            case RollBackByOwner():
                made = self._roll_back(change)
            case ResumeOwner():
                made = self._resume(change)
        if made is Applied.CHANGED:
            self.applied.append(change)
        return made

    def in_step(self, suspension: Suspension, *, commit: str) -> bool:
        self._fail()
        return self.synced or self.gone or bool(commit)

    def edited(self, **fields: Any) -> None:
        """Change it as someone else does, who knows nothing of marks."""
        self.state = replace(self.state, version=self._next(), **fields)

    def taken_over(self) -> None:
        """Stop it as someone else does, or take a stop of ours over."""
        self.edited(running=False)
        self.marker = ""

    def _stop(self, change: StopOwner) -> Applied:
        if not self.state.running:
            return Applied.ALREADY if self.marker == change.response_id else Applied.MOVED
        if self.state.version != change.version:
            return Applied.MOVED
        self.edited(running=False)
        self.marker = change.response_id
        return Applied.CHANGED

    def _roll_back(self, change: RollBackByOwner) -> Applied:
        newest = list(self.history)[-1]
        if newest != change.seen:
            same = self.history[newest] == self.history.get(change.target)
            return Applied.ALREADY if same else Applied.MOVED
        self.history[str(int(newest) + 1)] = self.history[change.target]
        self.rolls_back(self.history[change.target])
        return Applied.CHANGED

    def _resume(self, change: ResumeOwner) -> Applied:
        if self.state.running and not self.marker:
            return Applied.ALREADY
        if self.marker != change.response_id:
            return Applied.MOVED
        self.edited(running=True)
        self.marker = ""
        return Applied.CHANGED

    def _next(self) -> str:
        return str(int(self.state.version or "0") + 1)

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
