"""The runbook's verification checklist, told from what a response has left: its record, events and tasks.

An item is never taken on trust. What was not looked at after the last change is unknown, and what nothing of
ours can know is asked of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import complaints, evidence
from shared.domain.clearing import ALERTMANAGER
from shared.domain.evidence import Evidence, Standing
from shared.domain.reasons import Reason
from shared.domain.response import Event, Outcome, Response, Step, Task
from shared.domain.services import Targets
from shared.domain.signals import Signal

__all__ = ["NOT_THE_TEAM", "STATUS_PAGE", "Item", "Standing", "checklist", "logs", "passed", "unpassed"]

STATUS_PAGE = "status_page"
NOT_THE_TEAM = frozenset({STATUS_PAGE, "pagerduty_changes", "log"})
"""Channels whose messages no team reads as news."""

_TOUCHED = frozenset(
    {"rolled_back", "found_rolled_back", "evicted", "forced_down", "forced", "restarted", "database_restored"}
)
"""Codes of events after which the pods are others: what was read before says nothing any more."""

_ROLLOUT = frozenset({Reason.ROLLOUT_FAILED, Reason.ROLLOUT_TIMEOUT, Reason.WRONG_IMAGE})


@dataclass(frozen=True)
class Item:
    """One item: how it stands, by which evidence, and when that was so (None: at no time of its own).

    `details` are examples of the evidence, lines of a log or links, that were made by others.
    """

    name: str
    standing: Standing
    evidence: str
    at: datetime | None = None
    details: tuple[str, ...] = ()


def checklist(response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> tuple[Item, ...]:
    """Return the eight items in the runbook's order; `events` are in order of time."""
    since = _since_touched(events)
    targets = Targets()
    return (
        _pods(response, since),
        _health(response, since),
        _below("Error rate below 0.1 %", Signal.ERROR_RATE, targets.error_rate, since),
        _below("p95 latency below 500 ms", Signal.LATENCY_P95, targets.latency_p95, since),
        _complaints(response, tasks),
        _alerts(response, events, tasks),
        _status_page(tasks),
        _team(tasks),
    )


def logs(tasks: Sequence[Task]) -> Item | None:
    """Return what the pods' logs hold since the rollback, beside the eight; None where none was read."""
    found = evidence.newest(tasks, evidence.LOGS)
    return _item("Logs", found) if found is not None else None


def passed(items: Sequence[Item]) -> int:
    """Return how many items passed."""
    return sum(item.standing is Standing.PASS for item in items)


def unpassed(items: Sequence[Item]) -> dict[Standing, list[str]]:
    """Return the names of those that did not pass, by how they stand."""
    others = [standing for standing in Standing if standing is not Standing.PASS]
    names = {standing: [item.name for item in items if item.standing is standing] for standing in others}
    return {standing: named for standing, named in names.items() if named}


def _item(name: str, found: Evidence) -> Item:
    return Item(name, found.standing, found.said, found.at, found.details)


def _since_touched(events: Sequence[Event]) -> list[Event]:
    """Return the events after the last change of the pods; all where there was none."""
    last = max((i for i, event in enumerate(events) if event.code in _TOUCHED), default=-1)
    return list(events[last + 1 :])


def _last(events: Sequence[Event], code: str, phase: str = "") -> Event | None:
    return next((e for e in reversed(events) if e.code == code and phase in {"", e.phase}), None)


def _ended(since: Sequence[Event], response: Response, reasons: frozenset[Reason]) -> Event | None:
    """Return the end where it was a failure for one of the reasons."""
    failed = response.phase == Outcome.FAILED and response.reason in reasons
    return _last(since, "ended") if failed else None


def _pods(response: Response, since: Sequence[Event]) -> Item:
    name = "All pods running"
    ended = _ended(since, response, _ROLLOUT)
    if ended is not None:
        return Item(name, Standing.FAIL, response.detail or str(response.reason), ended.at)
    unready = _ended(since, response, frozenset({Reason.STILL_BREACHED}))
    if unready is not None and response.detail.endswith("pods ready"):
        return Item(name, Standing.FAIL, response.detail, unready.at)
    held = _last(since, "held", Step.STABILISE)
    if held is not None and held.facts.get("bad") == 0:
        return Item(name, Standing.PASS, f"all ready in each of {held.facts.get('samples')} samples", held.at)
    verified = _last(since, "verified")
    if verified is None:
        return Item(name, Standing.UNKNOWN, "not verified")
    ready = str(verified.facts.get("ready"))
    running, _, wanted = ready.partition("/")
    standing = Standing.PASS if running == wanted else Standing.FAIL
    return Item(name, standing, f"{ready} ready", verified.at)


def _health(response: Response, since: Sequence[Event]) -> Item:
    name = "Health endpoints responding"
    ended = _ended(since, response, frozenset({Reason.HEALTH_FAILED}))
    if ended is not None:
        return Item(name, Standing.FAIL, response.detail or str(response.reason), ended.at)
    verified = _last(since, "verified")
    if verified is None:
        return Item(name, Standing.UNKNOWN, "not verified")
    health = str(verified.facts.get("health"))
    if health.endswith("answered"):
        return Item(name, Standing.PASS, health, verified.at)
    return Item(name, Standing.ASKED, "no endpoint is configured", verified.at)


def _below(name: str, signal: Signal, target: float, since: Sequence[Event]) -> Item:
    """Return how a signal stands: by the last time that anything was measured, the number or none."""
    measured = (e for e in reversed(since) if e.code != "accepted" and _measures(e))
    last = next(measured, None)
    if last is None:
        return Item(name, Standing.UNKNOWN, "not measured since the last change")
    value = last.facts.get(signal.value)
    if isinstance(value, int | float):
        standing = Standing.PASS if value < target else Standing.FAIL
        return Item(name, standing, _told(signal, value), last.at)
    why = "too little traffic to tell" if last.facts.get("idle") or value == "idle" else "no number was read"
    return Item(name, Standing.UNKNOWN, why, last.at)


def _measures(event: Event) -> bool:
    """Return whether signals were measured for the event."""
    return "samples" in event.facts or any(signal.value in event.facts for signal in Signal)


def _told(signal: Signal, value: float) -> str:
    return f"{100 * value:.3g} %" if signal is Signal.ERROR_RATE else f"{1000 * value:.4g} ms"


def _complaints(response: Response, tasks: Sequence[Task]) -> Item:
    """Return what a person has said; before that what was heard in the places that are configured."""
    name = "No customer complaints"
    word = complaints.answer(response)
    if word is not None:
        standing = Standing.PASS if word.verb == complaints.NONE else Standing.FAIL
        said = "none" if word.verb == complaints.NONE else "there are some"
        return Item(name, standing, f"{word.by}: {said}{f', {word.reason}' if word.reason else ''}", word.at)
    found = evidence.newest(tasks, evidence.COMPLAINTS)
    if found is None:
        return Item(name, Standing.ASKED, "Backout hears no customers; ask support")
    return _item(name, found)


def _alerts(response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> Item:
    """Return what Alertmanager holds, where it was asked; it knows nothing of other sources' alerts."""
    heard = _alerts_heard(response, events, tasks)
    found = evidence.newest(tasks, evidence.ALERTS)
    if found is None:
        return heard
    is_newer = heard.at is None or found.at is None or found.at >= heard.at
    elsewhere = any(alert.firing and alert.source != ALERTMANAGER for alert in response.heard.alerts)
    if heard.standing is Standing.FAIL:
        cleared = found.standing in {Standing.PASS, Standing.ASKED}
        if not is_newer or found.standing is Standing.UNKNOWN or (cleared and elsewhere):
            return heard
    return _item(heard.name, found)


def _alerts_heard(response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> Item:
    name = "Monitoring alerts cleared"
    again = [task for task in tasks if task.kind == "recheck"]
    if again:
        last = max(again, key=lambda task: task.name)
        alert = f"{last.facts.get('alert') or 'an alert'} fired on after the end"
        return Item(name, Standing.FAIL, alert, last.created_at or last.ended_at)
    heard = response.heard
    at = next((e.at for e in reversed(events) if e.code in {"joined", "held", "ended"}), None)
    if not heard.alerts:
        return Item(name, Standing.ASKED, "no alert came to Backout; look at the monitoring")
    firing = sorted({alert.name for alert in heard.alerts if alert.firing})
    if firing:
        return Item(name, Standing.FAIL, f"still firing: {', '.join(firing)}", at)
    if not heard.all_resolved:
        kept = f"{len(heard.alerts)} of {heard.alert_count}"
        return Item(name, Standing.UNKNOWN, f"only {kept} alerts were kept; those are resolved", at)
    count = heard.alert_count
    return Item(name, Standing.PASS, f"resolved: {count} alert{'' if count == 1 else 's'}", at)


def _status_page(tasks: Sequence[Task]) -> Item:
    told = [task for task in tasks if task.kind == "tell" and task.facts.get("channel") == STATUS_PAGE]
    if not told:
        return Item("Status page updated", Standing.ASKED, "Backout has nothing to say to a status page here")
    said = [task for task in told if task.receipt or not _done(task)]
    if not said:
        return Item("Status page updated", Standing.UNKNOWN, "the status page had nothing to be told of yet")
    return _delivered("Status page updated", said)


def _team(tasks: Sequence[Task]) -> Item:
    told = [task for task in tasks if task.kind == "tell" and task.facts.get("channel") not in NOT_THE_TEAM]
    if not told:
        return Item("Team notified", Standing.ASKED, "no channel of the team was told; tell it yourself")
    return _delivered("Team notified", told)


def _done(task: Task) -> bool:
    return task.due_at is None and task.result.startswith("told")


def _delivered(name: str, told: Sequence[Task]) -> Item:
    """Return how messages stand, by the newest of each channel; one channel that has it is enough."""
    newest = {str(task.facts.get("channel")): task for task in sorted(told, key=lambda task: task.name)}
    done = {channel: task for channel, task in newest.items() if _done(task)}
    at = max((task.ended_at for task in (done or newest).values() if task.ended_at), default=None)
    if done:
        return Item(name, Standing.PASS, f"told on {', '.join(sorted(done))}", at)
    owed = sorted(channel for channel, task in newest.items() if task.due_at is not None)
    if owed:
        return Item(name, Standing.UNKNOWN, f"still to be told on {', '.join(owed)}")
    return Item(name, Standing.FAIL, f"given up on {', '.join(sorted(newest))}", at)
