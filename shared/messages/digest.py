"""The wording of digests, and which responses owe one."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

from shared.domain import digests
from shared.domain.digests import Period, Sort
from shared.domain.reasons import sentence
from shared.domain.response import Event, Response, Task
from shared.ports import Message

MOST_LINES = 30

_WOULD = {
    "rollback_now": "rolled back now",
    "rollback_soon": "rolled back within 5 minutes",
    "scale_then_rollback": "scaled, then rolled back",
    "none": "looked at only",
}


def arming(response: Response, event: Event) -> Task | None:
    """Return the task that has an event told in a digest; None for what is told by itself or not at all."""
    sort = digests.sort_of(response, event)
    if sort is None:
        return None
    return Task(
        response_id=response.id,
        name=f"arm#{event.number:06d}",
        kind="arm",
        due_at=event.at,
        facts={"sort": sort.value},
        created_at=event.at,
    )


def compose(task: Task, period: Period, responses: Sequence[Response]) -> Message:
    """Return the message of a digest; `responses` are not empty, and the worst comes first."""
    title, line = _KINDS[period.sort]
    lines = line(responses)
    more = len(lines) - MOST_LINES
    worst = responses[0].decision.severity
    return Message(
        key=f"{task.response_id}/{task.name}",
        title=title(period, responses),
        lines=(*lines[:MOST_LINES], *([f"and {more} more: backout list"] if more > 0 else [])),
        response_id=task.response_id,
        severity=worst.value if worst else "",
        code=f"digest_{period.sort}",
        team=period.team,
    )


def _of(period: Period) -> str:
    return f"team {period.team}" if period.team else "services without a team"


def _daily_title(period: Period, responses: Sequence[Response]) -> str:
    return f"{_of(period)}, {period.name}: {_counted(len(responses), 'response')} decided on and not acted on"


def _daily_lines(responses: Sequence[Response]) -> list[str]:
    """Return a line for each service and reason, those that came most often first."""

    def key(response: Response) -> tuple[str, str]:
        return response.service, response.reason.value if response.reason else ""

    groups = [list(group) for _, group in groupby(sorted(responses, key=key), key)]
    return [_daily_line(group) for group in sorted(groups, key=len, reverse=True)]


def _daily_line(group: Sequence[Response]) -> str:
    first = group[0]
    would = Counter(_WOULD[response.decision.action.value] for response in group)
    listed = ", ".join(f"{what} {count}" for what, count in would.most_common())
    why = sentence(first.reason) if first.reason else ""
    newest = max(group, key=lambda response: response.started_at).id
    return f"{first.service} ({first.workload}), {_times(len(group))}. Else: {listed}. {why} Last: {newest}"


def _storm_title(period: Period, responses: Sequence[Response]) -> str:
    asked = _counted(len(responses), "workload")
    return f"storm: {asked} of {_of(period)} wait for a word; a common cause is likely"


def _storm_lines(responses: Sequence[Response]) -> list[str]:
    return [_storm_line(response) for response in responses]


def _storm_line(response: Response) -> str:
    choice, severity = response.choice, response.decision.severity
    rows = ", ".join(row.row for row in response.decision.matched)
    change = f"{choice.from_image} to {choice.to_image}" if choice else "more capacity"
    answers = f"backout approve {response.id}  or  backout abort {response.id}"
    return f"{severity.value if severity else ''} {response.service}: {change} ({rows}). {answers}".strip()


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_Title = Callable[[Period, Sequence[Response]], str]
_Lines = Callable[[Sequence[Response]], list[str]]

_KINDS: dict[Sort, tuple[_Title, _Lines]] = {
    Sort.DAILY: (_daily_title, _daily_lines),
    Sort.STORM: (_storm_title, _storm_lines),
}
