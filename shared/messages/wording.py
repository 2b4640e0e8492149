"""The wording of messages: which events people hear of, and in what words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.domain.changes import Scalar
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Event, Outcome, Response, Task
from shared.ports import Message

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
        "ended",
    }
)
"""Codes of events that people are told of."""

QUIET_ENDS = frozenset({Reason.MODE_OBSERVE, Reason.ASSESSED, Reason.NOT_OPTED_IN})
"""Ends that nobody needs to be woken for."""


def owed(response: Response, event: Event) -> list[Task]:
    """Return the message that an event gives rise to, as a task; none for what nobody needs to hear."""
    held_at_the_door = event.facts.get("delayed") if event.code == "accepted" else None
    code = "delayed" if held_at_the_door else event.code
    if code not in TOLD or (code == "ended" and not _worth_telling(response)):
        return []
    facts = {**event.facts, "code": code, "by": event.by}
    if held_at_the_door:
        facts["reason"] = held_at_the_door
    name = f"tell#{event.number:06d}"
    return [Task(response.id, name, "tell", event.at, facts, created_at=event.at)]


def _worth_telling(response: Response) -> bool:
    """Return whether people need to hear of an end: something was done, or they expect something to be."""
    if response.reason in QUIET_ENDS:
        return False
    announced = response.asked_at is not None or response.told == "holding"
    return announced or response.acted or response.scaled or response.phase != Outcome.DISMISSED.value


@dataclass(frozen=True)
class Wording:
    """Words messages. `links` are templates by name, with ``{response_id}``, ``{service}`` in them."""

    links: Mapping[str, str] = field(default_factory=dict)

    def word(self, response: Response, task: Task) -> Message:
        """Return the message of a ``tell`` task."""
        facts = task.facts
        code = str(facts.get("code", ""))
        severity = response.decision.severity
        lines = [line for line in (*_lines(response, code, facts), f"Response {response.id}") if line]
        return Message(
            key=f"{response.id}/{task.name}",
            title=f"{response.service}: {_title(response, code, facts)}",
            lines=tuple(lines),
            response_id=response.id,
            severity=severity.value if severity else "",
            links={name: _filled(link, response) for name, link in self.links.items()},
        )


def _filled(link: str, response: Response) -> str:
    """Return a link with its two places filled in; other braces are the link's own."""
    service = quote(response.service, safe="")
    return link.replace("{response_id}", response.id).replace("{service}", service)


def _title(response: Response, code: str, facts: Mapping[str, Scalar]) -> str:
    choice = response.choice
    back = f"revision {choice.to_number} ({choice.to_image})" if choice else "the revision before"
    titles = {
        "asked": f"may I roll back to {back}?" if choice else "may I act?",
        "holding": f"rolling back to {back} at {facts.get('until')} unless someone says no",
        "delayed": f"held back: {_explained(facts.get('reason'))}",
        "rolled_back": f"rolled back to {back}; verifying",
        "found_rolled_back": f"someone rolled back to {back}; verifying",
        "scaled": f"capacity raised from {facts.get('before')} to {facts.get('after')}",
        "scale_not_possible": "capacity cannot be raised; looking at a rollback",
        "capacity_left_alone": "extra capacity was changed by someone else and is left alone",
        "alerts_again": "still alerting after the rollback; a person is needed",
    }
    if code == "ended":
        reason = response.reason
        return f"{response.phase}: {sentence(reason) if reason else ''}".rstrip(": ")
    return titles.get(code, code.replace("_", " "))


def _explained(code: Scalar) -> str:
    """Return the sentence of a reason's code, the code itself when it is not one of ours."""
    return sentence(Reason(code)) if code in set(Reason) else str(code)


def _lines(response: Response, code: str, facts: Mapping[str, Scalar]) -> list[str]:
    matched = [
        f"{row.row}: {row.reading.value:g} (threshold {row.threshold:g}, {row.severity.value})"
        for row in response.decision.matched
        if row.reading.value is not None
    ]
    lines = [f"Workload {response.workload}", *matched]
    if code == "asked":
        asks = str(facts.get("asks") or "")
        lines += [_explained(code) for code in asks.split(", ") if code]
        until = f" until {facts['expires_at']}" if facts.get("expires_at") else ""
        answers = f"backout approve {response.id}  or  backout abort {response.id}"
        lines.append(f"Answer{until} with: {answers}")
    if code == "holding":
        lines.append(f"Stop it with: backout abort {response.id}")
    if facts.get("detail"):
        lines.append(str(facts["detail"]))
    if facts.get("because"):
        lines.append(f"Because: {facts['because']}")
    return lines
