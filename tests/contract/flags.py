"""What every vendor of feature flags keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

import pytest

from shared.domain.changes import Applied, SetFlag
from shared.domain.reasons import Reason
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError
from shared.ports import Flags

ON, OFF, ODD = "new-prices", "old-prices", "prices.v2 (b)?"
FLAGS = {ON: True, OFF: False, ODD: True}
ID = "20260302-120000-0a1b2c3d"
SAID = f"backout {ID}: switched off for production/deployment/checkout"


def switching(flag: str, *, on: bool = False) -> SetFlag:
    workload = WorkloadRef("prod", "production", "deployment", "checkout")
    return SetFlag(workload=workload, response_id=ID, flag=flag, on=on)


class FlagsWorld(ABC):
    """`FLAGS` at a vendor, and what people do there."""

    flags: Flags

    @abstractmethod
    def state(self, flag: str) -> bool:
        """Return whether the flag is on there."""

    @abstractmethod
    def switched(self) -> int:
        """Return how often a flag was switched there."""

    @abstractmethod
    def switch_by_hand(self, flag: str, *, on: bool) -> None:
        """Switch a flag as a person does."""

    @abstractmethod
    def demand_approvals(self) -> None:
        """Let nobody change a flag without an approval from now on."""


class FlagsContract:
    """The suite."""

    def test_a_flag_is_looked_at(self, world: FlagsWorld) -> None:
        assert world.flags.look(ON) is True
        assert world.flags.look(OFF) is False
        assert world.switched() == 0

    @pytest.mark.parametrize("flag", [ON, ODD])
    def test_a_flag_is_switched_off_once_and_no_other(self, world: FlagsWorld, flag: str) -> None:
        assert world.flags.apply(switching(flag)) is Applied.CHANGED
        assert world.flags.apply(switching(flag)) is Applied.ALREADY

        assert world.flags.look(flag) is False
        assert world.switched() == 1
        assert {name: world.state(name) for name in FLAGS} == {**FLAGS, flag: False}

    def test_a_flag_is_switched_on(self, world: FlagsWorld) -> None:
        assert world.flags.apply(switching(OFF, on=True)) is Applied.CHANGED
        assert world.flags.apply(switching(OFF, on=True)) is Applied.ALREADY

        assert world.state(OFF) is True

    def test_a_flag_that_a_person_switched_off_is_off_already(self, world: FlagsWorld) -> None:
        world.switch_by_hand(ON, on=False)
        before = world.switched()

        assert world.flags.apply(switching(ON)) is Applied.ALREADY
        assert world.switched() == before

    def test_a_flag_that_a_person_switched_on_again_is_switched_off_again(self, world: FlagsWorld) -> None:
        world.flags.apply(switching(ON))
        world.switch_by_hand(ON, on=True)

        assert world.flags.apply(switching(ON)) is Applied.CHANGED
        assert world.state(ON) is False

    @pytest.mark.parametrize("flag", ["never-was", "", "..", "../new-prices"])
    def test_a_flag_that_there_is_not_is_refused(self, world: FlagsWorld, flag: str) -> None:
        for call in (world.flags.look, lambda name: world.flags.apply(switching(name))):
            with pytest.raises(PermanentError) as refused:
                call(flag)
            assert refused.value.reason is Reason.NOT_FOUND
            assert flag in str(refused.value)
        assert world.switched() == 0

    def test_a_change_that_people_must_approve_is_refused_in_words(self, world: FlagsWorld) -> None:
        world.demand_approvals()

        with pytest.raises(PermanentError, match=f"{ON} .*without an approval") as refused:
            world.flags.apply(switching(ON))

        assert refused.value.reason is Reason.FORBIDDEN
        assert world.state(ON) is True

    def test_what_is_so_already_needs_no_approval(self, world: FlagsWorld) -> None:
        world.demand_approvals()

        assert world.flags.look(ON) is True
        assert world.flags.apply(switching(OFF)) is Applied.ALREADY
