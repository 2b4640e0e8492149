"""Killed before and after every single call to the outside: always the same end, exactly one rollback, an
unbroken history."""

import pytest

from tests.engine.checking import calls_of, check_the_end
from tests.engine.crashing import SCENARIOS, Trap, deliver, finish
from tests.engine.world import Killed
from tests.fakes.records import Moment


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
