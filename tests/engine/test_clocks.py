"""Workers whose clocks are two minutes apart, which is twice a lease: still exactly one rollback."""

from datetime import timedelta

import pytest

from tests.engine.checking import calls_of, check_the_end
from tests.engine.crashing import SCENARIOS, Trap, deliver, finish, overtake, the_response
from tests.engine.world import Killed, World
from tests.fakes.records import Moment

APART = timedelta(minutes=2)
NAMES = ("rollback now, by a queue", "scale first")


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", NAMES)
def test_a_worker_whose_clock_is_behind_takes_over_later_and_acts_once(name: str, moment: Moment) -> None:
    def die() -> None:
        raise Killed

    for nth in range(1, calls_of(SCENARIOS[name]) + 1):
        world = SCENARIOS[name].world()
        world.calls.on_call = Trap(nth, moment, die)
        deliver(world, SCENARIOS[name])
        world.skew = -APART
        finish(world)
        check_the_end(world)


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", NAMES)
def test_a_worker_whose_clock_is_ahead_takes_a_live_lease_and_still_one_of_them_acts(
    name: str, moment: Moment
) -> None:
    for nth in range(1, calls_of(SCENARIOS[name]) + 1):
        world = SCENARIOS[name].world()

        def ahead(world: World = world) -> None:
            world.skew = APART
            world.restart()
            deliver(world, SCENARIOS[name])
            finish(world)

        overtake(world, SCENARIOS[name], nth, moment, ahead)
        finish(world)
        check_the_end(world)


def test_a_lease_that_is_live_by_every_clock_is_left_alone() -> None:
    world = SCENARIOS["rollback now, by a queue"].world()
    deliver(world, SCENARIOS["rollback now, by a queue"])
    response_id = the_response(world).id
    holder = world.engine
    assert holder.advancer._take(response_id) is not None
    world.skew = -APART
    world.restart()

    assert world.engine.handle(response_id) is None
    assert world.rollbacks() == 0
