"""Invitations in memory, by the rules of their port."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.meetings import Invitation
from shared.errors import BackoutError


@dataclass
class FakeMeetings:
    """Keeps every copy that was sent; `errors` are raised first, `refused` are attendees not taken."""

    sent: list[Invitation] = field(default_factory=list)
    errors: list[BackoutError] = field(default_factory=list)
    refused: tuple[str, ...] = ()

    def send(self, invitation: Invitation) -> Sequence[str]:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(invitation)
        return self.refused

    def held(self) -> dict[str, Invitation]:
        """Return what calendars show: of each event the newest invitation, if it is not cancelled."""
        newest: dict[str, Invitation] = {}
        for each in self.sent:
            known = newest.get(each.uid)
            if known is None or each.sequence >= known.sequence:
                newest[each.uid] = each
        return {uid: each for uid, each in newest.items() if not each.cancelled}
