import pytest

from tests.contract.flags import FLAGS, FlagsContract, FlagsWorld
from tests.fakes.flags import FakeFlags


class FakeWorld(FlagsWorld):
    def __init__(self) -> None:
        self.flags = self.fake = FakeFlags(dict(FLAGS))

    def state(self, flag: str) -> bool:
        return self.fake.flags[flag]

    def switched(self) -> int:
        return len(self.fake.switched)

    def switch_by_hand(self, flag: str, *, on: bool) -> None:
        self.fake.flags[flag] = on

    def demand_approvals(self) -> None:
        self.fake.approvals = True


class TestFakeFlags(FlagsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
