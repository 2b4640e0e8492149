"""Killed, and paused while a successor finishes, before and after every single call to the outside.

Always the same end, exactly one rollback, an unbroken history.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from shared.adapters.meetings import mail
from shared.domain import aftercare
from shared.domain.changes import (
    ClusterChange,
    EvictPods,
    RestartWorkload,
    ResumeOwner,
    RollBackByOwner,
    Scalar,
    SetReplicas,
    StopOwner,
)
from shared.domain.complaints import Listened
from shared.domain.evidence import CHECK
from shared.domain.owners import Source
from shared.domain.remedies import CacheUse, Remedies
from shared.domain.response import Outcome, Response, Step, Task
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


def check_the_end(world: World) -> None:
    world.calls.on_call = lambda name, moment: None
    response = the_response(world)
    events = world.events(response.id)
    story = [(e.number, e.code) for e in events]
    assert response.phase == Outcome.COMPLETED, story
    assert world.image() == GOOD, story
    assert world.rollbacks() == 1, story
    assert [e.previous for e in events] == [0, *(e.number for e in events[:-1])], story
    codes = [e.code for e in events]
    for once in ("accepted", "held", "ended"):
        assert codes.count(once) == 1, story
    assert codes.count("rolled_back") + codes.count("found_rolled_back") == 1, story
    assert codes.count("rolled_back") == 1, story
    found = world.workloads.read(CHECKOUT)
    assert found is not None
    assert found.replicas == 3, story
    record = world.records.read(workloads=[CHECKOUT]).workloads[CHECKOUT].value
    assert record.live is None
    assert [past.id for past in record.responses] == [response.id]
    [ended_at] = [e.number for e in events if e.code == "ended"]
    last = f"{ended_at:06d}"
    ended = [t for t in world.records.tasks(response.id) if t.kind == "tell" and f"tell#{last}" in t.name]
    assert {t.result.split(":")[0] for t in ended} == {"told"}
    assert {str(t.facts["channel"]) for t in ended} >= {"log"} or len(ended) >= 4
    check_what_people_heard(world)
    if world.owner is not None:
        check_the_owner(world, response)
    check_the_remedies(world)
    check_the_papers(world, response)
    check_the_gate(world, response)
    check_the_looks(world, response)


def check_the_papers(world: World, response: Response) -> None:
    """Each was filed once and told of, and reminded of until it was done; nothing is owed any more."""
    tasks = world.records.tasks(response.id)
    filed = [task for task in tasks if task.kind in {"report", "follow_up"}]
    assert len(world.tracker.filed) == len([task for task in filed if "#" in task.receipt])
    assert len(world.shelf.files) == len([task for task in filed if task.facts.get("to") == "directory"])
    if filed:
        keys = {issue.key for issue in world.tracker.filed.values()}
        assert keys == {f"report:{response.id}", f"follow-ups:{response.id}"}
        told = [message.code for message in world.people.told]
        assert set(told) >= {"report_filed", "follow_ups", "overdue"}
        looked = {task.name.partition("#")[2][7:]: task.result for task in tasks if task.kind == "overdue"}
        done = "nothing is open any more"
        assert looked == {"short_term#1": "reminded of 4", "short_term#2": done, "long_term#1": done}
        assert {task.due_at for task in tasks} == {None}
    check_the_invitation(world)


def check_the_invitation(world: World) -> None:
    """Mail knows no key, so it may have gone out again: the same to the byte, which is one event."""
    copies = {mail.message(each, sender="backout@example.com") for each in world.meetings.sent}
    assert len(copies) == len(world.meetings.held()) == len(set(world.meetings.sent))
    assert len(world.meetings.sent) <= 2
    assert len(copies) == len(world.door.aftercare.invited)


def check_the_gate(world: World, response: Response) -> None:
    """What enforces it was closed and opened; nothing is left closed, or said to be.

    One who was held up before closing closes it again, and at once sees that it is to be open.
    """
    for barrier in world.barriers.values():
        assert [closed for _, closed in barrier.changes] in ([], [True, False], [True, False] * 2)
        assert not barrier.closed
    for task in world.records.tasks(RULES):
        assert (task.due_at, len(world.deployments.verdicts)) == (None, 1)
        assert task.receipt in {"approved", "rejected", "gone", "opened", "passed"}
    stands = aftercare.barriers(world.records.tasks(response.id))
    assert {task.receipt.split()[0] for task in stands.values()} <= {aftercare.OPEN}


def check_the_looks(world: World, response: Response) -> None:
    """The outside was looked at for the checklist, and each channel told of that as one piece of news."""
    tasks = world.records.tasks(response.id)
    [look] = [task for task in tasks if task.kind == CHECK]
    found = [look.facts[topic] for topic in ("alerts", "logs", "complaints")]
    assert (look.due_at, found) == (None, ["pass", "pass", "pass"])
    told = [str(task.facts["channel"]) for task in tasks if task.facts.get("code") == "checked"]
    assert told
    assert len(told) == len(set(told))


def check_the_remedies(world: World) -> None:
    """Each was taken once at most: nothing is evicted, scaled, migrated, flushed or restarted twice."""
    made = world.workloads.applied
    assert len([c for c in made if isinstance(c, EvictPods)]) <= 1
    assert len([c for c in made if isinstance(c, RestartWorkload)]) == len(world.caches.flushed) <= 1
    assert len(world.jobs.started) <= 1
    down = [c.replicas for c in made if isinstance(c, SetReplicas) and c.replicas == 0]
    assert len(down) <= 1
    off = aftercare.flags_off(world.records.tasks(the_response(world).id))
    assert len(world.flags.switched) == len(off) <= 1


def check_the_owner(world: World, response: Response) -> None:
    """It was stopped once, the commit reverted once, it was started again once; nothing is left claimed."""
    assert world.owner is not None
    kinds = [type(change) for change in world.owner.applied]
    assert [kind for kind in kinds if kind is not RollBackByOwner] == [StopOwner, ResumeOwner]
    assert (world.owner.state.running, world.owner.marker) == (True, "")
    assert len(world.repositories.reverts) == 1
    assert world.record(CART).live is None
    tasks = {task.name: task for task in world.records.tasks(response.id)}
    assert not aftercare.still_stopped(response, tasks)
    assert {task.due_at for task in tasks.values()} == {None}


def check_what_people_heard(world: World) -> None:
    """Nobody hears the same more than twice, and twice only after a crash; no level is called twice."""
    for name, channel in world.channels.items():
        keys = [message.key for message in channel.told]
        assert all(keys.count(key) <= 2 for key in keys), name
        assert len(keys) - len(set(keys)) <= 1, name
    called = [message.key for _, message in world.caller.calls]
    assert len(called) - len(set(called)) <= 1
    assert len(set(world.caller.levels)) >= len(set(called))


def calls_of(scenario: Scenario) -> int:
    """Return how many calls a run makes when nothing goes wrong."""
    world = scenario.world()
    deliver(world, scenario)
    finish(world)
    calls = len(world.calls.names)
    check_the_end(world)
    return calls


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_worker_killed_at_any_call_is_succeeded_by_another(name: str, moment: Moment) -> None:
    scenario = SCENARIOS[name]

    def die() -> None:
        raise Killed

    for nth in range(1, calls_of(scenario) + 1):
        world = scenario.world()
        world.calls.on_call = trap = Trap(nth, moment, die)
        deliver(world, scenario)
        finish(world)
        assert trap.sprung or nth > trap.seen[moment], nth
        check_the_end(world)


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_worker_paused_at_any_call_finds_its_successor_done_and_changes_nothing(
    name: str, moment: Moment
) -> None:
    scenario = SCENARIOS[name]
    for nth in range(1, calls_of(scenario) + 1):
        pause_at(scenario, nth, moment)


def pause_at(scenario: Scenario, nth: int, moment: Moment) -> None:
    """Run in a thread that stops at the call; let a successor finish; let the first go on; check the end."""
    world = scenario.world()
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
        while not stopped.wait(0.001):
            if not thread.is_alive():
                break
        if stopped.is_set():
            world.sleep(seconds=LEASE.total_seconds() + 1)
            successor(world, scenario)
    finally:
        go_on.set()
        thread.join(30)
    assert not thread.is_alive()
    assert not failed, failed
    finish(world)
    check_the_end(world)


def successor(world: World, scenario: Scenario) -> None:
    """Do all that is left in another process, which knows the table alone."""
    held_up = world.engine
    world.restart()
    world.send(an_alert(scenario.signal, scenario.value, at=ALERT_BEGAN_AT))
    finish(world)
    assert world.engine is not held_up
