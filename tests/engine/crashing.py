"""Scenarios, the trap that springs at a call, and a worker that is overtaken there."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.domain.changes import (
    ClusterChange,
    EvictPods,
    Scalar,
    SetReplicas,
)
from shared.domain.complaints import Listened
from shared.domain.owners import Source
from shared.domain.remedies import CacheUse, Remedies
from shared.domain.response import Response, Step, Task
from shared.domain.services import Mode
from shared.domain.signals import Signal
from shared.domain.workloads import WorkloadRef
from shared.engine.gating import VERB
from shared.engine.hands import LEASE
from shared.engine.joining import Said
from shared.errors import BackoutError
from shared.ports import Asked, Versioned
from shared.settings import Gate
from tests.engine.world import (
    BAD,
    BROKEN,
    CHECKOUT,
    GOOD,
    HUNGRY,
    INVITES,
    PAPERS,
    QUICK,
    RAISED,
    START,
    Killed,
    World,
    a_service,
    an_alert,
)
from tests.fakes.records import Moment


@dataclass(frozen=True)
class Scenario:
    """An alert on a bad version, and what its readings call for."""

    readings: dict[Signal, float]
    signal: Signal
    value: float
    local: bool = True
    asks: bool = False
    owned: bool = False
    by_owner: bool = True
    mended_by: type | None = None
    schema: bool = False
    flushes: bool = False
    flagged: bool = False
    filed: bool = False
    invites: bool = False
    gated: bool = False
    fixed: bool = False

    def world(self) -> World:
        service = a_service(
            mode=Mode.APPROVE if self.asks else Mode.AUTO,
            team="shop",
            customer_facing=True,
            github_issue="shop/checkout#12" if self.asks else "",
            repository="shop/checkout",
            reverts=self.owned,
            flags=("new-prices",) if self.flagged else (),
            timing=replace(QUICK, verify=4.0) if self.mended_by else QUICK,
            remedies=Remedies(
                job="production/migrate-down",
                cache=CacheUse("sessions", "checkout:", after_rollback=True) if self.flushes else None,
            ),
        )
        world = World(
            [service],
            readings={BAD: self.readings},
            local=self.local,
            connected=self.asks,
            papers=PAPERS if self.filed else None,
            invites=INVITES if self.invites else None,
            gate=Gate(github_status=self.gated, argo_cd=self.gated),
        )
        world.flags.flags = {"new-prices": True}
        world.complaints.said = Listened("message", "support", of_customers=True)
        if self.schema:
            world.workloads.deploy(CHECKOUT, GOOD, schema=41)
            world.sleep(days=1)
            world.workloads.deploy(CHECKOUT, BAD, schema=42, schema_at_least=42)
            world.sleep(minutes=2)
        else:
            world.story()
        if self.gated:
            ask_for_a_verdict(world)
        if self.fixed:
            world.reviews.approvers = {"shop/checkout#7": "bob"}
        if self.mended_by is not None:
            world.workloads.broken = frozenset({GOOD})
            world.workloads.mended_by = self._mends
        if self.owned:
            source = Source("https://github.com/shop/checkout.git", "main", COMMIT)
            world.own(by_owner=self.by_owner, companions=(CART,), source=source)
            world.repositories.tip = COMMIT
        return world

    def _mends(self, change: ClusterChange) -> bool:
        """Return whether the image comes up from this change on."""
        up = not isinstance(change, SetReplicas) or change.replicas > 0
        return self.mended_by is not None and isinstance(change, self.mended_by) and up


def ask_for_a_verdict(world: World) -> None:
    """Have a deployment wait for the verdict of the gate, as the webhook leaves it."""
    world.deployments.waiting.append(ASKED)
    facts: dict[str, Scalar] = {"repository": ASKED.repository, "run_id": ASKED.run_id}
    facts["environment"] = ASKED.environment
    task = Task(RULES, "rule#1", "rule", due_at=world.now, facts=facts, created_at=world.now)
    assert world.peek.put_task(Versioned(task, 0))


ASKED, RULES = Asked("shop/checkout", 9001, "production"), "github-shop/checkout"
COMMIT = "bad0" * 10
CART = WorkloadRef("test", "production", "deployment", "cart")

SCENARIOS = {
    "rollback now": Scenario(BROKEN, Signal.ERROR_RATE, 0.25),
    "rollback now, by a queue": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, local=False),
    "within 5 minutes": Scenario(RAISED, Signal.ERROR_RATE, 0.08),
    "scale first": Scenario(HUNGRY, Signal.CPU_USAGE, 0.97),
    "after a yes, with everyone told": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, asks=True),
    "by its owner, and reverted": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, owned=True),
    "under its owner, and reverted": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, owned=True, by_owner=False),
    "stuck, and evicted": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, mended_by=EvictPods),
    "stuck, and forced after a yes": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, mended_by=SetReplicas),
    "migrated back after a yes": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, schema=True),
    "with a flush of its cache": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, flushes=True),
    "with its feature flag switched off": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, flagged=True),
    "with its papers filed": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, filed=True),
    "with an invitation to a meeting": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, invites=True),
    "with its gate closed, and opened by a person": Scenario(BROKEN, Signal.ERROR_RATE, 0.25, gated=True),
    "with its gate closed, and opened by its fix": Scenario(
        BROKEN, Signal.ERROR_RATE, 0.25, gated=True, fixed=True
    ),
    "scale first, under its owner": Scenario(HUNGRY, Signal.CPU_USAGE, 0.97, owned=True),
}


class Trap:
    """Springs at one call, counted from the start, before or after it."""

    def __init__(self, nth: int, moment: Moment, spring: Callable[[], None]) -> None:
        self.nth, self.moment, self.spring = nth, moment, spring
        self.seen = {Moment.BEFORE: 0, Moment.AFTER: 0}
        self.sprung = False
        self.lock = threading.Lock()

    def __call__(self, name: str, moment: Moment) -> None:
        with self.lock:
            self.seen[moment] += 1
            spring = moment is self.moment and self.seen[moment] == self.nth and not self.sprung
            self.sprung = self.sprung or spring
        if spring:
            self.spring()


ALERT_BEGAN_AT = START + timedelta(days=1, minutes=2)


def deliver(world: World, scenario: Scenario) -> None:
    """Send the webhook as Alertmanager does: again and again until it is answered."""
    alert = an_alert(scenario.signal, scenario.value, at=ALERT_BEGAN_AT)
    while True:
        try:
            world.send(alert)
        except Killed:
            world.restart()
            world.sleep(seconds=1)
        else:
            return


def finish(world: World) -> None:
    """Run to the end of all reminders; where the process dies, start another once the lease has run out."""
    while True:
        try:
            world.run(until=lambda: asked(world) is not None)
            question = asked(world)
            if question is not None:
                world.door.listener.say(question, "approve", by="alice")
            elif not ungated(world) and not slept_for_papers(world):
                return
        except Killed:
            world.restart()
            world.sleep(seconds=LEASE.total_seconds())


def slept_for_papers(world: World) -> bool:
    """Sleep until the next look at what is filed, if one is due within the fortnight; say whether.

    People do all of it once they have been reminded.
    """
    later = world.peek.due(world.now + timedelta(days=14))
    if later:
        world.now = max(world.now, later[0].due_at)
    if "overdue" in [message.code for message in world.people.told]:
        for reference in world.tracker.issues:
            world.tracker.close(reference)
    return bool(later)


def asked(world: World) -> str | None:
    """Return the response that waits for an answer which nobody has given, if there is one."""
    today = world.now.date().isoformat()
    found = [state.response for state in world.peek.recent(today)]
    return next((r.id for r in found if r.phase == Step.APPROVE and r.approved is None), None)


def ungated(world: World) -> bool:
    """Open the gate, where it is enforced, once all is over: by a word, or a fix. Say if that was news."""
    closed = [response for response in past(world) if any(each.closed for each in world.barriers.values())]
    if not closed:
        return False
    if not world.reviews.approvers:
        return world.door.listener.say(closed[0].id, VERB, by="alice") is Said.TAKEN
    facts: dict[str, Scalar] = {"repository": ASKED.repository, "number": 7, "merged_by": "alice"}
    facts |= {"base": "main", "default_branch": "main", "response_id": closed[0].id}
    task = Task(RULES, "fix#1", "fix", due_at=world.now, facts=facts, created_at=world.now)
    return world.peek.put_task(Versioned(task, 0))


def past(world: World) -> list[Response]:
    days = {(world.now - timedelta(days=back)).date().isoformat() for back in range(15)}
    return [state.response for day in days for state in world.peek.recent(day)]


def the_response(world: World) -> Response:
    found = past(world)
    assert len(found) == 1, [r.id for r in found]
    return found[0]


def overtake(
    world: World, scenario: Scenario, nth: int, moment: Moment, meanwhile: Callable[[], None]
) -> None:
    """Run a worker in a thread that stops at a call, do something `meanwhile`, let it go on to its end."""
    stopped, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        stopped.set()
        assert go_on.wait(30)

    world.calls.on_call = Trap(nth, moment, pause)
    failed: list[BaseException] = []

    def first() -> None:
        try:
            deliver(world, scenario)
            finish(world)
        except BackoutError as error:
            failed.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        while not stopped.wait(0.001) and thread.is_alive():
            pass
        if stopped.is_set():
            meanwhile()
    finally:
        go_on.set()
        thread.join(30)
    assert not thread.is_alive()
    assert not failed, failed
