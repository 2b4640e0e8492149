"""Freezes: one word stops everything, or a namespace, or a team."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.reasons import Reason
from shared.domain.records import GLOBAL, Freeze, Freezes
from shared.errors import InvalidRequest, TemporaryError
from shared.ports import Clock, Records, Versioned


@dataclass(frozen=True)
class Freezer:
    """Sets and lifts freezes. A change is tested against them in the transaction that stores its intent."""

    records: Records
    clock: Clock

    def current(self) -> Mapping[str, Freeze]:
        """Return the freezes in force, by scope."""
        return self.records.read(freezes=True).freezes.value.pruned(self.clock()).scopes

    def freeze(self, scope: str, *, by: str, reason: str = "", until: datetime | None = None) -> Freeze:
        """Set a freeze, over any of the same scope. Raises InvalidRequest for a scope of another form."""
        check_scope(scope)
        order = Freeze(by, reason, self.clock(), until)
        self._change({scope: order})
        return order

    def thaw(self, scope: str) -> bool:
        """Lift a freeze; return whether there was one."""
        check_scope(scope)
        return self._change({scope: None})

    def _change(self, changes: Mapping[str, Freeze | None]) -> bool:
        for _ in range(20):
            stored = self.records.read(freezes=True).freezes
            scopes = dict(stored.value.pruned(self.clock()).scopes)
            there = any(scope in scopes for scope in changes)
            for scope, freeze in changes.items():
                if freeze is None:
                    scopes.pop(scope, None)
                else:
                    scopes[scope] = freeze
            if self.records.put_freezes(Versioned(replace(Freezes(), scopes=scopes), stored.version)):
                return there
        raise TemporaryError("the freezes are contended; send it again", reason=Reason.INTERNAL)


def check_scope(scope: str) -> None:
    """Raise InvalidRequest unless the scope is ``global``, ``namespace/<name>`` or ``team/<name>``."""
    kind, _, name = scope.partition("/")
    if scope == GLOBAL or (kind in ("namespace", "team") and name and "/" not in name):
        return
    raise InvalidRequest(f"{scope!r} is no scope; use global, namespace/<name> or team/<name>", status=422)
