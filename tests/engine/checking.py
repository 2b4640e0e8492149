"""What holds at the end of every story, whatever was killed or held up in it."""

from shared.adapters.meetings import mail
from shared.domain import aftercare
from shared.domain.changes import (
    EvictPods,
    RestartWorkload,
    ResumeOwner,
    RollBackByOwner,
    SetReplicas,
    StopOwner,
)
from shared.domain.evidence import CHECK
from shared.domain.response import Outcome, Response
from tests.engine.crashing import CART, RULES, Scenario, deliver, finish, the_response
from tests.engine.world import (
    CHECKOUT,
    GOOD,
    World,
)


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
