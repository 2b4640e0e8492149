"""Digests: tasks that tell of many responses at once.

A response that belongs in a digest owes a task ``arm``, stored with its event. That puts the digest's own
task, one for each channel, if no response before it has: its name is the period's, so it is there once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from shared.domain import digests
from shared.domain.digests import Period, Sort
from shared.domain.owed import Finished, Later
from shared.domain.response import Response, Task
from shared.errors import PermanentError
from shared.ports import Message, People, Records

KIND = "digest"
MOST_READ = 500
"""Responses of a day that are looked through, the newest first; what is more is not listed."""


@dataclass(frozen=True)
class Arm:
    """Has the response told of in the digest of its team. `zone` is that of a team's clock."""

    channels: Sequence[str]
    zone: Callable[[str], tzinfo]

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        """Owe the digest that gathers what happened when the task was made."""
        sort = Sort(str(task.facts["sort"]))
        at = (response.ended_at if sort is Sort.DAILY else task.created_at) or now
        period = digests.period(sort, response.team, at, self.zone(response.team))
        facts = {
            "sort": period.sort.value,
            "team": period.team,
            "since": period.since.isoformat(),
            "name": period.name,
        }
        owed = tuple(
            Task(
                response_id=period.response_id,
                name=f"digest#{period.team}#{period.name}#{channel}",
                kind=KIND,
                due_at=period.due_at,
                facts={**facts, "until": period.until.isoformat(), "channel": channel},
                created_at=now,
            )
            for channel in self.channels
        )
        return Finished(f"in the {period.sort} digest of {period.name}", then=owed)


@dataclass(frozen=True)
class Digest:
    """Tells of the responses of a period, on one channel. It is about no one response."""

    records: Records
    channels: Mapping[str, People]
    compose: Callable[[Task, Period, Sequence[Response]], Message]

    def run(self, task: Task, now: datetime) -> Finished | Later:
        """Gather, and deliver. Raises PermanentError for a channel that is no longer configured."""
        channel = self.channels.get(str(task.facts["channel"]))
        if channel is None:
            raise PermanentError(f"the channel {task.facts['channel']} is not configured any more")
        period = _period(task)
        gathered = [
            state.response
            for day in period.days
            for state in self.records.recent(day, limit=MOST_READ)
            if period.gathers(state.response)
        ]
        if not gathered:
            return Finished("nothing to tell")
        message = self.compose(task, period, digests.worst_first(gathered))
        return Finished(f"told: {message.title}", channel.tell(message, again=task.attempts > 1))


def _period(task: Task) -> Period:
    facts = task.facts
    since, until = (datetime.fromisoformat(str(facts[name])) for name in ("since", "until"))
    return Period(Sort(str(facts["sort"])), str(facts["team"]), since, until, str(facts["name"]))
