"""The escalation path in a whole world: who is called, and at which minute."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.bootstrap import Door, Engine
from shared.domain.remedies import Remedies, WhenStuck
from shared.domain.response import Outcome, Step
from shared.domain.signals import Signal
from shared.domain.workloads import Rollout, RolloutState
from shared.errors import TemporaryError
from shared.settings import Contact, Team
from tests.engine.world import CHECKOUT, GOOD, START, Hooked, Killed, World, a_service, an_alert
from tests.fakes.caller import FakeCaller
from tests.fakes.records import Moment

PAYMENTS = Team(
    escalation={
        "on_call": Contact(slack="<!subteam^S1>"),
        "team_lead": Contact(slack="<@U1>"),
        "platform": Contact(slack="<@U2>"),
        "cto": Contact(slack="<@U3>", stops_on_acknowledgement=False),
    }
)
SHOP = a_service(team="payments", customer_facing=True, remedies=Remedies(stuck=WhenStuck.OFF))


class EscalatingWorld(World):
    """A world that calls people; `called` are the levels with the minute of each."""

    def __init__(self, **arguments: Any) -> None:
        self.caller = FakeCaller()
        self.minutes: list[int] = []
        super().__init__(**arguments)
        self.began_at = START

    def started(self) -> tuple[Door, Engine]:
        door, engine = super().started()
        door = replace(door, settings=replace(door.settings, teams={"payments": PAYMENTS}))
        caller = Hooked(Minuted(self), "caller", self.calls)
        return door, Engine(door, replace(engine.outside, caller=caller))

    def alerted(self) -> str:
        """Deploy the bad version, let the alert come, and return the response."""
        self.story()
        self.began_at = self.now
        [answer] = self.send(an_alert(at=self.now))
        assert answer.response_id
        return answer.response_id

    @property
    def called(self) -> Sequence[tuple[str, int]]:
        return list(zip(self.caller.levels, self.minutes, strict=True))


class Minuted:
    """A caller that notes the minute of each call."""

    def __init__(self, world: EscalatingWorld) -> None:
        self._world = world

    def call(self, *arguments: Any, **named: Any) -> str:
        receipt = self._world.caller.call(*arguments, **named)
        self._world.minutes.append((self._world.now - self._world.began_at) // timedelta(minutes=1))
        return receipt


def failed_at_minute_one(world: EscalatingWorld) -> str:
    """Let a rollback fail a minute after the alert, and the service stay as broken as it was."""
    world.workloads.broken = frozenset({GOOD})
    response_id = world.alerted()
    world.run_to(response_id, Step.VERIFY)
    world.now = world.began_at + timedelta(minutes=1)
    world.override = {Signal.ERROR_RATE: 0.25}
    world.workloads.update(CHECKOUT, rollout=Rollout(RolloutState.FAILED, "exceeded its progress deadline"))
    world.run(until=lambda: not world.response(response_id).live)
    assert world.response(response_id).phase == Outcome.FAILED
    return response_id


def minute(world: EscalatingWorld, number: float) -> None:
    """Run whatever is due until that minute."""
    ends_at = world.began_at + timedelta(minutes=number)
    while True:
        while world.step():
            pass
        due = world.records.due(ends_at)
        if not due:
            break
        world.now = max(world.now, due[0].due_at)
    world.now = ends_at


def test_a_failure_at_minute_1_calls_the_lead_and_at_minute_30_the_cto_each_once_through_a_restart() -> None:
    world = EscalatingWorld(services=(SHOP,))
    failed_at_minute_one(world)
    minute(world, 29.9)
    assert world.called == [("on_call", 1), ("team_lead", 1)]

    world.restart()
    minute(world, 240)

    assert world.called == [("on_call", 1), ("team_lead", 1), ("cto", 30)]


def test_a_rollback_that_helps_calls_nobody() -> None:
    world = EscalatingWorld(services=(SHOP,))
    response_id = world.alerted()
    minute(world, 240)

    assert world.response(response_id).phase == Outcome.COMPLETED
    assert world.called == []


def test_nobody_above_is_called_once_somebody_acknowledged_but_the_last_level() -> None:
    world = EscalatingWorld(services=(SHOP,))
    world.workloads.broken = frozenset({GOOD})
    response_id = world.alerted()
    world.run_to(response_id, Step.VERIFY)
    world.say(response_id, "acknowledge")
    world.override = {Signal.ERROR_RATE: 0.25}
    minute(world, 240)

    assert world.response(response_id).phase == Outcome.FAILED
    assert world.called == [("cto", 30)]


@pytest.mark.parametrize("moment", list(Moment))
def test_a_worker_that_dies_at_the_call_leaves_it_to_the_next_who_knows_of_the_attempt(
    moment: Moment,
) -> None:
    world = EscalatingWorld(services=(SHOP,))
    failed_at_minute_one(world)
    minute(world, 29.9)

    def die() -> None:
        raise Killed

    world.interrupt("caller.call", moment, die)
    with pytest.raises(Killed):
        minute(world, 31)
    world.restart()
    minute(world, 60)

    made = 1 if moment is Moment.BEFORE else 2
    assert world.caller.levels == ["on_call", "team_lead", *["cto"] * made]
    assert world.caller.again[-1]
    keys = {message.key for level, message in world.caller.calls if level == "cto"}
    assert len(keys) == 1


def test_a_caller_that_is_away_is_tried_again_and_delays_nothing() -> None:
    world = EscalatingWorld(services=(SHOP,))
    world.caller.errors = [TemporaryError("nobody answers")] * 3
    response_id = failed_at_minute_one(world)
    minute(world, 10)

    assert sorted(world.called) == [("on_call", 1), ("team_lead", 1)]
    ended_at = world.response(response_id).ended_at
    assert ended_at is not None
    assert ended_at < world.began_at + timedelta(minutes=2)
