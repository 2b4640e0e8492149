"""Routing: which events people hear of, and on which channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.changes import Scalar
from shared.domain.reasons import Reason
from shared.domain.response import Event, Outcome, Response, Task
from shared.messages import digest

TOLD = frozenset(
    {
        "asked",
        "holding",
        "delayed",
        "rolled_back",
        "found_rolled_back",
        "scaled",
        "scale_not_possible",
        "capacity_left_alone",
        "owner_stopped",
        "owner_resumed",
        "owner_left_alone",
        "still_stopped",
        "reverted",
        "revert_failed",
        "flag_off",
        "flag_on",
        "flag_refused",
        "report_filed",
        "follow_ups",
        "overdue",
        "task_given_up",
        "meeting",
        "meeting_cancelled",
        "meeting_shared",
        "meeting_yours",
        "gate_failed",
        "stuck",
        "evicted",
        "forced_down",
        "forced",
        "migration_started",
        "migrated",
        "restore_started",
        "database_restored",
        "flushed",
        "restarted",
        "ended",
        "checked",
    }
)
"""Codes of events that people are told of."""

QUIET_ENDS = frozenset({Reason.MODE_OBSERVE, Reason.ASSESSED, Reason.NOT_OPTED_IN})
"""Ends that nobody needs to be woken for."""

Wants = Callable[[Response, str], bool]
"""Says whether a channel carries the news of a response that an event's code stands for."""


def always(_: Response, code: str) -> bool:
    """Carry everything that people are told."""
    return code in TOLD or code == "alerts_again"


@dataclass(frozen=True)
class Routing:
    """Turns events into messages that are owed, one task for each channel that wants it.

    `waits` are channels whose system may know of the trouble by itself (PagerDuty): until they have told us,
    or that long after the response began, nothing is sent that would be a second report of it.

    With `digests`, what belongs in a digest (decisions that touch nothing, the questions of a storm) is told
    there and not by itself.
    """

    channels: Mapping[str, Wants] = field(default_factory=dict)
    digests: bool = False
    waits: Mapping[str, timedelta] = field(default_factory=dict)

    def owed(self, response: Response, event: Event) -> list[Task]:
        """Return the messages that an event gives rise to; none for what nobody needs to hear."""
        gathered = digest.arming(response, event) if self.digests else None
        if gathered is not None:
            return [gathered]
        held_at_the_door = event.facts.get("delayed") if event.code == "accepted" else None
        code = "delayed" if held_at_the_door else event.code
        if code == "ended" and not worth_telling(response):
            return []
        facts: dict[str, Scalar] = {**event.facts, "by": event.by}
        if held_at_the_door:
            facts["reason"] = held_at_the_door
        return self.tasks(response, code, facts, name=f"{event.number:06d}", at=event.at)

    def tasks(
        self, response: Response, code: str, facts: Mapping[str, Scalar], *, name: str, at: datetime
    ) -> list[Task]:
        """Return the messages of one piece of news. The same name makes the same tasks."""
        return [
            Task(
                response_id=response.id,
                name=f"tell#{name}#{channel}",
                kind="tell",
                due_at=self._due(response, channel, at),
                facts={**facts, "code": code, "channel": channel},
                created_at=at,
            )
            for channel, wants in self.channels.items()
            if wants(response, code)
        ]

    def _due(self, response: Response, channel: str, at: datetime) -> datetime:
        if channel not in self.waits or channel in response.heard.references:
            return at
        return max(at, response.started_at + self.waits[channel])


def worth_telling(response: Response) -> bool:
    """Return whether people need to hear of an end: something was done, or they expect something to be."""
    if response.reason in QUIET_ENDS:
        return False
    announced = response.asked_at is not None or response.told == "holding"
    return announced or response.acted or response.scaled or response.phase != Outcome.DISMISSED.value
