import pytest

from tests.contract.barriers import BarrierContract, BarrierWorld
from tests.fakes.barriers import FakeBarrier


class FakeWorld(BarrierWorld):
    def __init__(self) -> None:
        self.barrier = self.fake = FakeBarrier({"checkout": "shop/checkout@main"})

    def closed(self) -> bool:
        return bool(self.fake.closed)

    def changes(self) -> int:
        return len(self.fake.changes)

    def refuse(self) -> None:
        self.fake.refuses = True


class TestFakeBarrier(BarrierContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
