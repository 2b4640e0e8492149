"""Telling: a response's history in words for people. One sentence for each event."""

from collections.abc import Callable, Mapping
from typing import Any

from cli.printing import plural
from shared.domain.changes import Scalar
from shared.domain.reasons import SENTENCES, Reason
from shared.domain.response import Event
from shared.domain.signals import UNITS, Signal, Unit
from shared.wire import convert

Facts = Mapping[str, Scalar]

GOOD = frozenset({"completed"})
BAD = frozenset({"failed", "inconclusive"})


def event_of(told: Mapping[str, Any]) -> Event:
    """Return the event that an HTTP answer holds as JSON."""
    return convert(Event, dict(told), strict=False)


def sentence(event: Event) -> str:
    """Return what happened, in words; an event of a newer server is told by its code and facts."""
    word = _WORDS.get(event.code)
    if word is None:
        return " ".join([event.code, *(f"{name}={value}" for name, value in event.facts.items())])
    return word(event)


def quantity(signal: str, value: Scalar) -> str:
    """Return a reading as people write it: 12 %, 350 ms, 120/min; what is no number stays a word."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    unit = UNITS[Signal(signal)]
    if unit is Unit.RATIO:
        return f"{round(100 * value, 4):.3g} %"
    if unit is Unit.SECONDS:
        return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:.4g}/min" if unit is Unit.PER_MINUTE else ("yes" if value else "no")


def readings(facts: Facts) -> str:
    """Return the readings among an event's facts."""
    known = set(Signal)
    return ", ".join(
        f"{name} {quantity(name, value)}"
        for name, value in facts.items()
        if name in known and value not in {None, "unknown"}
    )


def reason_text(code: object) -> str:
    """Return the sentence of a reason's code; the code itself where it is not known."""
    try:
        return SENTENCES[Reason(str(code))]
    except ValueError:
        return str(code)


def _said(*parts: object) -> str:
    """Join what is there by ``; ``."""
    return "; ".join(str(part) for part in parts if part)


def _accepted(event: Event) -> str:
    facts = event.facts
    ordered = facts.get("source") == "invoke" and facts.get("action") == "none"
    what = "an order" if ordered else _action(facts.get("action"))
    delayed = f"held back: {reason_text(facts.get('delayed'))}" if facts.get("delayed") else ""
    return _said(f"accepted from {event.by}: {what}", delayed.rstrip("."), facts.get("detail"))


_ACTIONS = {
    "none": "nothing known that calls for action yet",
    "scale_then_rollback": "add capacity first, then roll back",
    "rollback_soon": "roll back within 5 minutes",
    "rollback_now": "roll back now",
}


def _action(action: object) -> str:
    return _ACTIONS.get(str(action), str(action))


def _assessed(event: Event) -> str:
    facts = event.facts
    running = f"revision {facts.get('revision')} ({facts.get('image')}), {facts.get('ready')} pods ready"
    back = f"back to revision {facts.get('to_revision')} ({facts.get('to_image')}), {facts.get('to_because')}"
    return _said(
        f"assessed: {_action(facts.get('action'))}",
        readings(facts),
        running,
        back if facts.get("to_revision") is not None else "",
        f"pods {facts['pods']}" if facts.get("pods") else "",
        f"managed by {facts['owner']}" if facts.get("owner") else "",
        facts.get("owner_note"),
        f"asks because of {facts['asks']}" if facts.get("asks") else "",
    )


def _asked(event: Event) -> str:
    asks = [reason_text(code) for code in str(event.facts.get("asks") or "").split(", ") if code]
    offers = f"offered: {event.facts['offers']}" if event.facts.get("offers") else ""
    until = f"a person is asked, until {_time(event.facts.get('expires_at'))}"
    return _said(until, *asks, offers, event.facts.get("because") if offers else "")


def _ended(event: Event) -> str:
    facts = event.facts
    detail = facts.get("detail")
    text = f"{facts.get('outcome')}: {reason_text(facts.get('reason'))}"
    return _said(text.rstrip("."), detail, readings(facts))


def _held(event: Event) -> str:
    if event.phase == "hold":
        return _said(
            "nobody said no in the veto window, and it is still past the threshold", readings(event.facts)
        )
    return _said(f"held its targets: {event.facts.get('good')} of {_samples(event)}", readings(event.facts))


def _samples(event: Event) -> str:
    return f"{event.facts.get('samples')} samples good"


def _time(text: Scalar) -> str:
    return str(text).partition("T")[2].partition(".")[0].removesuffix("+00:00").removesuffix("Z") + "Z"


def _revision(event: Event) -> str:
    return f"revision {event.facts.get('to_revision')} ({event.facts.get('to_image')})"


_CHANGES: Mapping[Scalar, str] = {
    "restore_revision": "put the revision back",
    "set_replicas": "set the replicas",
    "set_autoscaler_minimum": "set the autoscaler's minimum",
    "abort_rollout": "abort the rollout that is under way",
    "stop_owner": "stop the owner",
    "roll_back_by_owner": "have the owner roll back",
    "resume_owner": "start the owner again",
    "revert_commit": "revert the commit in git",
    "evict_pods": "evict the broken pods",
    "restart_workload": "restart the pods",
    "run_job": "run the reverse migration",
    "restore_database": "restore the database into a new instance",
    "flush_cache": "flush the cache",
    "set_flag": "switch the feature flag",
}


def _intended(event: Event) -> str:
    facts = event.facts
    change = _CHANGES.get(facts.get("change"), str(facts.get("change")))
    what = (
        f"from revision {facts['from_revision']} to {facts.get('to_revision')}"
        if facts.get("from_revision") is not None
        else ""
    )
    return _said(f"intent stored: {change}", what, facts.get("owner"), facts.get("commit"))


def _capacity(event: Event) -> str:
    if "before" not in event.facts:
        return "capacity was raised already"
    where = f" (autoscaler {event.facts['autoscaler']})" if event.facts.get("autoscaler") else ""
    return f"capacity raised from {event.facts['before']} to {event.facts.get('after')}{where}"


def _joined(event: Event) -> str:
    facts = event.facts
    names = f" ({facts['names']})" if facts.get("names") else ""
    if not (count := facts.get("alerts")):
        return f"joined by {event.by}: an order"
    return f"joined by {event.by}: {plural(count, 'alert')}, {facts.get('firing')} firing{names}"


def _person(verb: str) -> Callable[[Event], str]:
    def word(event: Event) -> str:
        by = event.facts.get("by") or event.by
        return _said(f"{by} {verb}", event.facts.get("reason"))

    return word


def _plain(text: str, *, fact: str = "") -> Callable[[Event], str]:
    """Return a word of fixed text, the value of one fact, and the readings."""
    return lambda event: _said(
        f"{text} {event.facts[fact]}" if event.facts.get(fact) is not None else text, readings(event.facts)
    )


_WORDS: Mapping[str, Callable[[Event], str]] = {
    "accepted": _accepted,
    "joined": _joined,
    "approve": _person("says yes"),
    "approved": _person("has approved; assessing again"),
    "abort": _person("says no"),
    "now": _person("says: roll back now"),
    "acknowledge": _person("has seen it"),
    "refused": lambda e: f"{e.by} is no approver; not taken: {e.facts.get('reason')}",
    "hurried": _person("does not want to wait any longer"),
    "taken_over": _plain("a worker was lost; another one goes on"),
    "fault": _plain("something outside does not answer, trying again:", fact="error"),
    "assessed": _assessed,
    "unclear": _plain("what was measured is not clear yet; looking again"),
    "below": _plain("below the thresholds now; watching a full window"),
    "delayed": lambda e: _said(f"held back: {reason_text(e.facts.get('reason'))}", e.facts.get("detail")),
    "asked": _asked,
    "holding": lambda e: (
        f"people are told; rolling back at {_time(e.facts.get('until'))} unless someone says no"
    ),
    "more_urgent": _plain("it got worse; not waiting any longer"),
    "held": _held,
    "storm": _plain("several workloads are in trouble at once; a person is to look"),
    "intended": _intended,
    "moved": _plain("the workload changed meanwhile; reading it again"),
    "rolled_back": lambda e: f"rolled back to {_revision(e)}",
    "found_rolled_back": lambda e: f"someone else had rolled back to {_revision(e)}",
    "scaled": _capacity,
    "scale_not_possible": _plain("capacity cannot be raised; looking at a rollback"),
    "settled": _plain("the capacity that was added is enough"),
    "not_settled": _plain("the capacity that was added is not enough"),
    "verifying": _plain("verifying:", fact="waiting_for"),
    "verified": lambda e: _said(
        f"verified: {e.facts.get('ready')} pods ready on {e.facts.get('image')}",
        f"health: {e.facts.get('health')}",
    ),
    "watching": lambda e: f"watching; samples count from {_time(e.facts.get('counts_from'))}",
    "watching_again": lambda e: _said("not held; watching once more", readings(e.facts)),
    "capacity_as_before": _plain("no extra capacity to take back"),
    "capacity_taken_back": _plain("extra capacity taken back; now", fact="after"),
    "capacity_left_alone": _plain("someone else changed the extra capacity; left alone"),
    "owner_stopped": _plain("stopped:", fact="owner"),
    "owner_changed": _plain("the owner has changed meanwhile; assessing again:", fact="owner"),
    "in_turn": _plain("waiting for a younger response to let go of what the owner manages:", fact="other"),
    "reverted": _plain("reverted in git:", fact="url"),
    "not_reverted": _plain("not reverted:", fact="detail"),
    "stuck": _plain("stuck:", fact="told"),
    "not_stuck": _plain("nothing is stuck any more"),
    "evicted": _plain("evicted:", fact="pods"),
    "eviction_refused": _plain("not all could be evicted in time:", fact="told"),
    "forced_down": _plain("scaled to zero; the count to come back to is", fact="replicas_before"),
    "forced": _plain("scaled back to", fact="replicas"),
    "migration_started": _plain("the reverse migration runs as Job", fact="job"),
    "migrated": lambda e: _said(
        f"the reverse migration is done: Job {e.facts.get('job')}", e.facts.get("log")
    ),
    "restore_started": _plain("restoring the database as it was at", fact="at"),
    "database_restored": _plain("the database is restored at", fact="endpoint"),
    "flushed": lambda e: f"flushed the cache {e.facts.get('cache')} ({e.facts.get('prefix')})",
    "restarted": _plain("restarting the pods"),
    "move-meeting": lambda e: f"{e.by} moves the meeting to {e.facts.get('at')}",
    "cancel-meeting": _person("cancels the meeting"),
    "complaints": _person("says that customers complain"),
    "no-complaints": _person("says that no customer complains"),
    "ungate": _person("lets the service be deployed again"),
    "restore-flags": _person("wants the feature flags back on"),
    "resume": _person("wants the owner to run again"),
    "ending": lambda e: _said(f"ending as {e.facts.get('outcome')}; taking back what was changed first"),
    "ended": _ended,
}
