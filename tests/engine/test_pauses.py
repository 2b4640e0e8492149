"""Paused before and after every call to the outside while a successor finishes: always the same end."""

import pytest

from shared.engine.hands import LEASE
from tests.engine.checking import calls_of, check_the_end
from tests.engine.crashing import ALERT_BEGAN_AT, SCENARIOS, Scenario, finish, overtake
from tests.engine.world import World, an_alert
from tests.fakes.records import Moment


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_worker_paused_at_any_call_finds_its_successor_done_and_changes_nothing(
    name: str, moment: Moment
) -> None:
    scenario = SCENARIOS[name]
    for nth in range(1, calls_of(scenario) + 1):
        world = scenario.world()

        def meanwhile(world: World = world) -> None:
            world.sleep(seconds=LEASE.total_seconds() + 1)
            successor(world, scenario)

        overtake(world, scenario, nth, moment, meanwhile)
        finish(world)
        check_the_end(world)


def successor(world: World, scenario: Scenario) -> None:
    """Do all that is left in another process, which knows the table alone."""
    held_up = world.engine
    world.restart()
    world.send(an_alert(scenario.signal, scenario.value, at=ALERT_BEGAN_AT))
    finish(world)
    assert world.engine is not held_up
