"""Stabilise (runbook, step 4): watch the service until its targets have held, and its alerts have cleared."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain import decisions
from shared.domain.reasons import Reason
from shared.domain.response import Outcome, Response, Watch
from shared.domain.services import Catalogue, Service
from shared.domain.signals import Kind, Readings, Signal
from shared.domain.steps import Case, Done, Result, Stop, Wait
from shared.domain.workloads import Workload
from shared.ports import Health, Measured, Signals, Workloads
from shared.runbook import looking

SLACK = 1.2
"""How far above its own baseline a service may be and still count as back."""


class Sample(StrEnum):
    """What one sample says."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    IDLE = "idle"


@dataclass(frozen=True)
class Stabilise:
    """Samples every poll; held means all samples over `stabilise` pass, one in ten forgiven.

    The watching time begins anew as soon as it cannot be held any more, so that a service that warms up
    for a while can still hold before twice the time is over.
    """

    workloads: Workloads
    signals: Signals
    health: Health
    catalogue: Catalogue

    def budget(self, response: Response) -> float:
        """Return twice the watching time: what cannot be seen until then is inconclusive."""
        return 2 * looking.timing_of(self.catalogue, response).stabilise

    def run(self, case: Case, now: datetime) -> Result:
        """Take one sample and say whether the service has held, or is to be watched on."""
        response = case.response
        workload = looking.must_read(self.workloads.read(response.workload), response)
        service = looking.service_of(self.catalogue, response, workload)
        gone = looking.superseded(response, workload) or _back_again(response, workload)
        if gone is not None:
            return gone
        live = looking.measured(self.signals, service, response)
        counts_from = _counts_from(response, live, service)
        if now < counts_from:
            first = response.watch is None
            watching = replace(response, watch=response.watch or Watch(counts_from))
            facts = {"counts_from": counts_from.isoformat()}
            return Wait(watching, counts_from, "watching" if first else "", facts)
        sample, why = self._sample(response, service, workload, live)
        watch = _tallied(response.watch or Watch(now), sample, why)
        return self._judged(replace(response, watch=watch), service, live, sample, now)

    def _sample(
        self, response: Response, service: Service, workload: Workload, live: Measured
    ) -> tuple[Sample, str]:
        if workload.ready_replicas < workload.replicas:
            return Sample.BAD, f"{workload.ready_replicas} of {workload.replicas} pods ready"
        if not service.measured:
            sample = Sample.GOOD if response.heard.all_resolved else Sample.UNKNOWN
            return sample, "the alerts are resolved" if sample is Sample.GOOD else "no signal source"
        failing = past_target(service, response, live.readings)
        if failing:
            return Sample.BAD, failing
        needed = [live.readings.get(s) for s in _watched(response)]
        if any(r is not None and r.kind is Kind.IDLE for r in needed):
            answers = [c for c in self.health.check(service.health) if not c.ok]
            return (Sample.BAD, answers[0].detail) if answers else (Sample.IDLE, "idle, pods ready")
        if any(r is None or r.is_unknown for r in needed):
            return Sample.UNKNOWN, next((r.why for r in needed if r is not None and r.is_unknown), "")
        return Sample.GOOD, ""

    def _judged(
        self, response: Response, service: Service, live: Measured, sample: Sample, now: datetime
    ) -> Result:
        watch = response.watch or Watch(now)
        wanted = timedelta(seconds=service.timing.stabilise)
        last_at = response.step_started_at + 2 * wanted
        held = held_targets(watch) and now - watch.since >= wanted
        quiet = not any(a.firing for a in response.heard.alerts)
        facts = _facts(watch, live, quiet=quiet)
        if held and (quiet or now >= last_at):
            outcome_of = response if response.reason else replace(response, reason=Reason.HELD)
            return Done(outcome_of, "held", facts)
        if now >= last_at:
            passed = watch.good + watch.idle
            if watch.bad or (passed and response.told == "watching_again"):
                return Stop(response, Outcome.FAILED, Reason.STILL_BREACHED, watch.last, facts)
            return Stop(response, Outcome.INCONCLUSIVE, Reason.SIGNALS_UNKNOWN, watch.last, facts)
        until = min(now + timedelta(seconds=service.timing.poll), last_at)
        if held_targets(watch) or _may_hold(watch, service, now):
            return Wait(response, until)
        again = replace(response, watch=Watch(now, last=watch.last))
        if sample is not Sample.BAD or response.told == "watching_again":
            return Wait(again, until)
        return Wait(replace(again, told="watching_again"), until, "watching_again", facts)


def _back_again(response: Response, workload: Workload) -> Stop | None:
    choice = response.choice
    if response.acted and choice is not None and workload.template_id == choice.from_template_id:
        detail = f"revision {workload.current.number} was deployed again"
        return Stop(response, Outcome.DISMISSED, Reason.SUPERSEDED, detail)
    return None


def _counts_from(response: Response, live: Measured, service: Service) -> datetime:
    """Return when samples begin to speak of the new state alone: its start, the window, two scrapes."""
    since = response.rolled.completed_at if response.rolled else None
    early = timedelta(seconds=live.longest_window + 2 * service.timing.scrape)
    return (since or response.step_started_at) + early


def _watched(response: Response) -> tuple[Signal, ...]:
    """Return the signals that must be known: errors, latency and what the decision was about."""
    matched = {row.signal for row in response.decision.matched}
    queried = tuple(s for s in looking.WANTED if s in matched and s is not Signal.LATENCY_REGRESSION)
    return tuple(dict.fromkeys((Signal.ERROR_RATE, *queried)))


def past_target(service: Service, response: Response, readings: Readings) -> str:
    """Return what is past its target, in words, or nothing.

    The runbook's targets (0.1 % errors, p95 of 500 ms) and the rows of the matrix, none of which may match,
    are never stricter than what the service did before the bad rollout.
    """
    before = {s: (r.value or 0.0) * SLACK for s, r in response.baseline.items()}
    rows = decisions.decide(service.matrix, readings).matched
    matched = [row for row in rows if (row.reading.value or 0.0) > before.get(row.signal, 0.0)]
    if matched:
        return f"{matched[0].row} is {matched[0].reading.value:g}"
    goals = (
        (Signal.ERROR_RATE, service.targets.error_rate),
        (Signal.LATENCY_P95, service.targets.latency_p95),
    )
    for signal, target in goals:
        allowed = max(target, before.get(signal, 0.0))
        reading = readings.get(signal)
        if reading is not None and reading.value is not None and reading.value > allowed:
            return f"{signal.value} is {reading.value:g}, target {allowed:g}"
    return ""


def _tallied(watch: Watch, sample: Sample, why: str) -> Watch:
    return replace(
        watch,
        good=watch.good + (sample is Sample.GOOD),
        bad=watch.bad + (sample is Sample.BAD),
        unknown=watch.unknown + (sample is Sample.UNKNOWN),
        idle=watch.idle + (sample is Sample.IDLE),
        last=why or watch.last,
    )


def _may_hold(watch: Watch, service: Service, now: datetime) -> bool:
    """Return whether the samples still to come can make up for the bad ones; if not, it is watched anew."""
    if (now - watch.since).total_seconds() >= service.timing.stabilise:
        return False
    to_come = service.timing.stabilise / service.timing.poll
    return (watch.bad + watch.unknown) * 10 <= to_come


def _samples(watch: Watch) -> int:
    return watch.good + watch.bad + watch.unknown + watch.idle


def held_targets(watch: Watch) -> bool:
    """Return whether the samples held: none but one in ten bad or unknown, and one good or idle at least."""
    passed = watch.good + watch.idle
    return passed > 0 and (watch.bad + watch.unknown) * 10 <= _samples(watch)


def _facts(watch: Watch, live: Measured, *, quiet: bool) -> dict[str, str | int | float | bool | None]:
    numbers = {s.value: r.value for s, r in live.readings.items() if r.value is not None}
    return {
        "samples": _samples(watch),
        "good": watch.good,
        "bad": watch.bad,
        "unknown": watch.unknown,
        "idle": watch.idle,
        "alerts_cleared": quiet,
        **numbers,
    }
