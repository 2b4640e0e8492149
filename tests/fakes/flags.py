"""Feature flags in memory, by the rules of their port."""

from dataclasses import dataclass, field

from shared.domain.changes import Applied, SetFlag
from shared.domain.reasons import Reason
from shared.errors import BackoutError, PermanentError


@dataclass
class FakeFlags:
    """Flags that are on or off; `approvals` is whether people must approve changes first."""

    flags: dict[str, bool] = field(default_factory=dict)
    approvals: bool = False
    switched: list[SetFlag] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)

    def look(self, flag: str) -> bool:
        if self.errors:
            raise self.errors.pop(0)
        if flag not in self.flags:
            raise PermanentError(f"there is no feature flag {flag}", reason=Reason.NOT_FOUND)
        return self.flags[flag]

    def apply(self, change: SetFlag) -> Applied:
        if self.look(change.flag) is change.on:
            return Applied.ALREADY
        if self.approvals:
            raise PermanentError(
                f"nobody changes the flag {change.flag} without an approval", reason=Reason.FORBIDDEN
            )
        self.flags[change.flag] = change.on
        self.switched.append(change)
        return Applied.CHANGED
