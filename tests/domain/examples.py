"""Domain objects with everything filled in that a test does not care about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.alerts import Alert
from shared.domain.decisions import Decision, decide
from shared.domain.matrix import Matrix
from shared.domain.response import Choice, Response
from shared.domain.services import Mode, Service
from shared.domain.signals import Reading, Readings, Signal
from shared.domain.workloads import Revision, Rollout, RolloutState, Workload, WorkloadRef

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CHECKOUT = WorkloadRef("prod", "production", "deployment", "checkout")
COMPLETE = Rollout(RolloutState.COMPLETE, "successfully rolled out")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def a_service(**fields: Any) -> Service:
    known: dict[str, Any] = {"name": "checkout", "workload": CHECKOUT, "mode": Mode.AUTO}
    return Service(**{**known, **fields})


def a_revision(number: int, **fields: Any) -> Revision:
    """Make revision `number`; the higher the later it began: number 9 an hour ago, each before a day more."""
    revision = Revision(
        template_id=f"t{number}",
        name=f"checkout-{number}",
        number=number,
        images={"app": f"shop:1.{number}"},
        began_at=ago(hours=1, days=9 - number),
    )
    return replace(revision, **fields)


def a_workload(*numbers: int, **fields: Any) -> Workload:
    """Make a workload with revisions of these numbers; the first is the current one, an hour old."""
    revisions = tuple(a_revision(number) for number in numbers or (9, 8))
    workload = Workload(
        ref=CHECKOUT,
        uid="uid-1",
        generation=7,
        resource_version="70",
        replicas=3,
        ready_replicas=3,
        paused=False,
        template_id=revisions[0].template_id,
        revisions=revisions,
        rollout=COMPLETE,
        rollout_began_at=ago(hours=1),
    )
    return replace(workload, **fields)


def an_alert(signal: Signal | None = Signal.ERROR_RATE, value: float = 0.2, **fields: Any) -> Alert:
    alert = Alert(
        source="alertmanager",
        fingerprint="f00d",
        starts_at=ago(minutes=2),
        firing=True,
        name="HighErrorRate",
        labels={"namespace": "production", "deployment": "checkout"},
        signal=signal,
        reading=Reading.number(value),
    )
    return replace(alert, **fields)


def numbers(values: dict[Signal, float]) -> Readings:
    return {signal: Reading.number(value) for signal, value in values.items()}


def a_decision(values: dict[Signal, float] | None = None) -> Decision:
    return decide(Matrix(), numbers(values or {Signal.ERROR_RATE: 0.25}))


CHOICE = Choice(
    from_template_id="t9",
    from_number=9,
    from_image="shop:1.9",
    to_template_id="t8",
    to_number=8,
    to_name="checkout-8",
    to_image="shop:1.8",
    why="healthy before its successor was rolled out",
)


def a_response(**fields: Any) -> Response:
    response = Response(
        id="20260302-120000-0a1b2c3d",
        service="checkout",
        workload=CHECKOUT,
        source="alertmanager",
        mode=Mode.AUTO,
        started_at=NOW,
        phase="assess",
        step_started_at=NOW,
        decision=a_decision(),
    )
    return replace(response, **fields)
