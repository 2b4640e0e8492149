"""What every barrier keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

import pytest

from shared.domain.changes import Applied
from shared.domain.services import Service
from shared.domain.workloads import WorkloadRef
from shared.errors import PermanentError
from shared.ports import Barrier

WHY = "checkout is not to be deployed: response r1 rolled it back"


class BarrierWorld(ABC):
    """A system that deploys a service."""

    barrier: Barrier
    deployed = Service(
        "checkout", WorkloadRef("test", "shop", "deployment", "cart"), repository="shop/checkout"
    )
    other = Service("other", WorkloadRef("test", "shop", "deployment", "other"))

    @abstractmethod
    def closed(self) -> bool:
        """Return whether the service is kept from being deployed there."""

    @abstractmethod
    def changes(self) -> int:
        """Return how often something was changed there."""

    @abstractmethod
    def refuse(self) -> None:
        """Let the credential change nothing from now on."""

    @property
    def place(self) -> str:
        return self.barrier.place(self.deployed)


class BarrierContract:
    """The suite."""

    def test_what_is_deployed_elsewhere_has_no_place(self, world: BarrierWorld) -> None:
        assert world.place
        assert world.barrier.place(world.other) == ""

    def test_a_place_is_closed_once_and_opened_once(self, world: BarrierWorld) -> None:
        place = world.place

        assert world.barrier.apply(place, closed=True, why=WHY) is Applied.CHANGED
        assert world.closed()
        assert world.barrier.apply(place, closed=True, why=WHY) is Applied.ALREADY
        assert world.changes() == 1

        assert world.barrier.apply(place, closed=False) is Applied.CHANGED
        assert not world.closed()
        assert world.barrier.apply(place, closed=False) is Applied.ALREADY
        assert world.changes() == 2

    def test_a_place_is_closed_again(self, world: BarrierWorld) -> None:
        for closed in (True, False, True):
            world.barrier.apply(world.place, closed=closed, why=WHY)

        assert world.closed()

    def test_a_right_that_lacks_is_told_and_nothing_is_changed(self, world: BarrierWorld) -> None:
        place = world.place
        world.refuse()

        with pytest.raises(PermanentError, match="lacks"):
            world.barrier.apply(place, closed=True, why=WHY)

        assert not world.closed()

    def test_what_is_closed_already_is_no_refusal(self, world: BarrierWorld) -> None:
        world.barrier.apply(world.place, closed=True, why=WHY)
        world.refuse()

        assert world.barrier.apply(world.place, closed=True, why=WHY) is Applied.ALREADY
