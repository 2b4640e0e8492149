"""Doings: what was done in a response, by whom, and what of it still stands, in Markdown for its report."""

from collections.abc import Sequence
from datetime import datetime

from shared.domain import aftercare
from shared.domain.reasons import Reason, sentence
from shared.domain.response import Event, Outcome, Response, Rolled, Task
from shared.messages.markdown import code, plain, table
from shared.messages.quantities import moment, person
from shared.messages.wording import barrier, title

_NEWS = frozenset(
    {
        "scaled",
        "capacity_left_alone",
        "owner_stopped",
        "reverted",
        "evicted",
        "forced_down",
        "forced",
        "migration_started",
        "migrated",
        "restore_started",
        "database_restored",
        "flushed",
        "restarted",
    }
)
"""Codes of events that tell of a change; the rollback itself is told by itself."""

_AFTERWARDS = frozenset({aftercare.RESUME, aftercare.REVERT, aftercare.FLAG, aftercare.GATE})
"""Kinds of tasks that may change something beside the workload; each that did has a receipt."""

_SAYS = {
    "approve": "yes",
    "abort": "no",
    "now": "now, without waiting",
    "acknowledge": "I am on it",
    "resume": "start the owner again",
    "restore-flags": "put the feature flags back",
    "move-meeting": "move the meeting",
    "cancel-meeting": "cancel the meeting",
    "ungate": "open the deploy gate",
    "complaints": "customers complain",
    "no-complaints": "no customer complains",
}


def changes(response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> list[str]:
    """Return what was changed, in order of time; a change whose result is not known is told as that."""
    told = [
        (event.at, plain(title(response, event.code, event.facts))) for event in events if event.code in _NEWS
    ]
    told += [
        (event.at, f"extra capacity taken back, now {plain(event.facts.get('after'))}")
        for event in events
        if event.code == "capacity_taken_back"
    ]
    told += [
        (t.ended_at, plain(t.result))
        for t in tasks
        if t.kind in _AFTERWARDS and t.ended_at and t.receipt not in {"", aftercare.OPEN}
    ]
    if response.rolled is not None:
        told.append((response.rolled.at, _rollback(response, response.rolled)))
    lines = [at_time(at, response, text) for at, text in sorted(told)]
    if response.intent is not None:
        lines.append(f"`{response.intent.kind}` was begun; its result is not known yet")
    return lines or ["nothing"]


def _rollback(response: Response, rolled: Rolled) -> str:
    choice = response.choice
    if choice is None:
        return "rolled back"
    by = "" if rolled.by_us else ", by someone else"
    images = f"from revision {choice.from_number} ({_images(choice.from_image)})"
    back = f"to revision {choice.to_number} ({_images(choice.to_image)}), {plain(choice.why)}"
    return f"rolled back{by} {images} {back}"


def _images(images: str) -> str:
    return ", ".join(code(image) for image in images.split(", "))


def still(response: Response, tasks: Sequence[Task]) -> str:
    """Return what is still stopped, switched off or closed, each with the command that puts it back."""
    told = []
    if aftercare.still_stopped(response, {task.name: task for task in tasks}):
        told.append(f"{plain(response.suspended)}; start it with `backout resume {response.id}`")
    if response.is_down:
        told.append("The workload is scaled to zero.")
    elif response.capacity is not None:
        told.append("Extra capacity has not been taken back.")
    flags = ", ".join(plain(flag) for flag in aftercare.flags_off(tasks))
    if flags:
        told.append(f"Switched off: {flags}; put back by `backout restore-flags {response.id}`")
    places = _closed(tasks)
    if places:
        told.append(f"Closed to deployments: {places}; `backout ungate` opens the gate of the service.")
    return listed(told)


def _closed(tasks: Sequence[Task]) -> str:
    """Return what enforces the deploy gate and was closed, each with its place."""
    receipts = {name: task.receipt.partition(" ") for name, task in aftercare.barriers(tasks).items()}
    closed = {name: place for name, (state, _, place) in receipts.items() if state == aftercare.CLOSED}
    return ", ".join(f"{plain(place)} at {barrier(name)}" for name, place in closed.items())


def words(response: Response) -> str:
    """Return who said what and why, as a table; empty where nobody did."""
    order = response.order
    rows = []
    if order is not None:
        comment = "; ".join(word for word in (order.requested_by, order.reason) if word)
        rows.append((order.at, order.by, f"ordered `{order.wanted}`", comment))
    for word in response.heard.words:
        refused = word.verb == "refused"
        says = f"not taken, no approver: {plain(word.reason)}" if refused else _SAYS.get(word.verb, word.verb)
        rows.append((word.at, word.by, says, "" if refused else word.reason))
    if not rows:
        return ""
    cells = [(clock(at, response), plain(person(by)), says, plain(why)) for at, by, says, why in rows]
    return table(("at", "who", "said", "because"), cells)


def guardrails(response: Response, events: Sequence[Event]) -> list[str]:
    """Return each guardrail that delayed, asked or refused."""
    told = []
    for event in events:
        facts = event.facts
        held = facts.get("delayed") if event.code == "accepted" else None
        if event.code == "delayed" or held:
            told.append(("delayed", event, str(held or facts.get("reason")), facts.get("detail")))
        if event.code == "asked":
            reasons = [reason for reason in str(facts.get("asks") or "").split(", ") if reason]
            told += [("asked", event, reason, None) for reason in reasons]
        if event.code == "ended" and response.phase == Outcome.REFUSED:
            told.append(("refused", event, str(facts.get("reason")), facts.get("detail")))
    lines = [
        at_time(event.at, response, f"{effect}: {_explained(reason)}{f' {plain(detail)}' if detail else ''}")
        for effect, event, reason, detail in told
    ]
    if response.order is not None and response.order.override:
        lines.append(f"overridden by the order: {plain(', '.join(response.order.override))}")
    return lines


def _explained(reason: str) -> str:
    return f"`{reason}`, {sentence(Reason(reason))}" if reason in set(Reason) else plain(reason)


def listed(lines: Sequence[str]) -> str:
    """Return lines as a list."""
    return "\n".join(f"- {line}" for line in lines)


def at_time(at: datetime | None, response: Response, text: str) -> str:
    """Return a text with its time before it, where it has one."""
    return f"{clock(at, response)} {text}" if at is not None else text


def clock(at: datetime, response: Response) -> str:
    """Return the time of day, with the day where that is not the response's first."""
    return moment(at.isoformat(), since=response.started_at)
