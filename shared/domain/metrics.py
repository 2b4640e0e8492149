"""Metrics: the one definition of all that is counted, and what events and tasks count for.

CloudWatch and Prometheus both get their names, labels and units from here. What is counted has been stored: a
commit that was lost counts for nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.owed import GIVEN_UP
from shared.domain.reasons import Reason
from shared.domain.response import Event, Outcome, Response, Task


class Kind(StrEnum):
    """How a metric adds up."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric. `unit` is CloudWatch's word for it, `buckets` are a histogram's, in that unit."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.COUNTER
    unit: str = "Count"
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measure:
    """One measurement: the values of the metric's labels, in their order."""

    metric: Metric
    labels: tuple[str, ...] = ()
    value: float = 1.0


ALERTS = Metric(
    "alerts_total",
    "What became of alerts and orders, one for each workload that a message meant.",
    ("source", "outcome"),
)
DUPLICATES = Metric("duplicates_absorbed_total", "Deliveries that came again and were answered as before.")
ENDED = Metric("responses_ended_total", "Responses that ended, by outcome.", ("outcome",))
DECISIONS = Metric(
    "decisions_total",
    "Responses that ended, by each row of the matrix that matched last (`none` where none did).",
    ("row",),
)
GUARDRAILS = Metric(
    "guardrails_total", "Times that a reason refused, delayed, or had a person asked.", ("reason",)
)
ROLLED_BACK = Metric(
    "webhook_to_rollback_seconds",
    "From the stored alert or order to the rollback that the cluster has taken.",
    kind=Kind.HISTOGRAM,
    unit="Seconds",
    buckets=(1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0),
)
VERDICTS = Metric("verdicts_total", "Verdicts of the steps that look at what was done.", ("step", "verdict"))
GIVEN_UP_TASKS = Metric("tasks_given_up_total", "Messages, calls and aftercare given up.", ("kind",))
TAKEOVERS = Metric("lease_takeovers_total", "Responses taken over from a worker whose lease ran out.")
SWEPT = Metric("sweep_found_total", "Responses found overdue by the sweep: their message or worker was lost.")
REQUESTS = Metric(
    "requests_total", "HTTP requests by endpoint and status; in one process only.", ("endpoint", "status")
)

METRICS = (
    ALERTS,
    DUPLICATES,
    ENDED,
    DECISIONS,
    GUARDRAILS,
    ROLLED_BACK,
    VERDICTS,
    GIVEN_UP_TASKS,
    TAKEOVERS,
    SWEPT,
    REQUESTS,
)

_VERDICTS = {
    "verified": ("verify", "passed"),
    "stuck": ("verify", "stuck"),
    "held": ("stabilise", "passed"),
    "settled": ("settle", "passed"),
    "not_settled": ("settle", "failed"),
}
"""Events that tell a verdict."""

_LAST_VERDICTS = {
    Reason.ROLLOUT_FAILED: ("verify", "failed"),
    Reason.ROLLOUT_TIMEOUT: ("verify", "failed"),
    Reason.WRONG_IMAGE: ("verify", "failed"),
    Reason.HEALTH_FAILED: ("verify", "failed"),
    Reason.STILL_BREACHED: ("stabilise", "failed"),
    Reason.SIGNALS_UNKNOWN: ("stabilise", "unknown"),
}
"""Reasons of an end after a rollback that are a verdict."""


def of_accepted(source: str, outcome: str, *, repeated: bool) -> list[Measure]:
    """Return what an answer to an alert or order counts for."""
    if repeated:
        return [Measure(ALERTS, (source, "repeated")), Measure(DUPLICATES)]
    return [Measure(ALERTS, (source, outcome))]


def of_events(response: Response, events: Sequence[Event]) -> list[Measure]:
    """Return what events count for that were stored with the response as it is after them."""
    return [measure for event in events for measure in _of_event(response, event)]


def of_task(task: Task) -> list[Measure]:
    """Return what a task counts for that was stored."""
    given_up = task.due_at is None and task.result.startswith(GIVEN_UP)
    return [Measure(GIVEN_UP_TASKS, (task.kind,))] if given_up else []


def _of_event(response: Response, event: Event) -> Iterator[Measure]:
    if event.code in _VERDICTS:
        yield Measure(VERDICTS, _VERDICTS[event.code])
    match event.code:
        case "taken_over":
            yield Measure(TAKEOVERS)
        case "accepted" if response.delay is not None:
            yield from _spoke([response.delay])
        case "delayed":
            yield from _spoke([str(event.facts.get("reason"))])
        case "assessed":
            yield from _spoke(filter(None, str(event.facts.get("asks", "")).split(", ")))
        case "rolled_back":
            yield Measure(ROLLED_BACK, value=(event.at - response.started_at).total_seconds())
        case "ended":
            yield from _of_end(response)


def _of_end(response: Response) -> Iterator[Measure]:
    yield Measure(ENDED, (response.phase,))
    for row in [verdict.row for verdict in response.decision.matched] or ["none"]:
        yield Measure(DECISIONS, (row,))
    if response.phase == Outcome.REFUSED and response.reason is not None:
        yield from _spoke([response.reason])
    if response.acted and response.reason in _LAST_VERDICTS:
        yield Measure(VERDICTS, _LAST_VERDICTS[response.reason])


def _spoke(reasons: Iterable[str]) -> Iterator[Measure]:
    return (Measure(GUARDRAILS, (str(reason),)) for reason in reasons)
