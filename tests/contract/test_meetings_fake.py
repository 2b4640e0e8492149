import pytest

from tests.contract.meetings import Held, MeetingsContract, MeetingsWorld
from tests.fakes.meetings import FakeMeetings


class FakeWorld(MeetingsWorld):
    def __init__(self) -> None:
        self.meetings = self.fake = FakeMeetings()

    def held(self) -> list[Held]:
        return [Held.of(each) for each in self.fake.held().values()]


class TestFakeMeetings(MeetingsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
