import pytest

from shared.bootstrap import Engine, Outside
from shared.domain.changes import Applied
from shared.errors import PermanentError
from tests.contract.flags import ON, switching
from tests.engine.world import World


def test_a_flag_is_switched_where_flags_are() -> None:
    world = World()
    world.flags.flags = {ON: True}

    assert world.engine.applier.apply(switching(ON)) is Applied.CHANGED
    assert world.flags.flags == {ON: False}


def test_where_no_flags_are_configured_none_is_switched() -> None:
    world = World()
    outside = Outside(world.workloads, world.signals, world.health, world.channels)

    with pytest.raises(PermanentError, match="not configured"):
        Engine(world.door, outside).applier.apply(switching(ON))
