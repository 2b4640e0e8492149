from dataclasses import replace

import pytest

from shared.bootstrap import Engine
from shared.domain.changes import Applied
from shared.errors import PermanentError
from tests.contract.flags import ON, switching
from tests.engine.world import World
from tests.fakes.flags import FakeFlags


def test_a_flag_is_switched_where_flags_are() -> None:
    world, flags = World(), FakeFlags({ON: True})
    engine = Engine(world.door, replace(world.engine.outside, flags=flags))

    assert engine.applier.apply(switching(ON)) is Applied.CHANGED
    assert flags.flags == {ON: False}


def test_where_no_flags_are_configured_none_is_switched() -> None:
    with pytest.raises(PermanentError, match="not configured"):
        World().engine.applier.apply(switching(ON))
