from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.domain.complaints import Listened
from tests.contract.complaints import SERVICE, ComplaintsContract, ComplaintsWorld
from tests.engine.world import START
from tests.fakes.outlooks import FakeComplaints, a_complaint


class FakeWorld(ComplaintsWorld):
    of_customers = True

    def __init__(self) -> None:
        self.now = START
        self.place = self.fake = FakeComplaints(Listened("message", "support", of_customers=True))

    def complain(self) -> datetime:
        assert self.fake.said is not None
        said = (*self.fake.said.complaints, a_complaint(self.now))
        self.fake.said = replace(self.fake.said, complaints=said)
        return self.now

    def pass_time(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


class TestFakeComplaints(ComplaintsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()


def test_a_place_that_there_is_not_is_none() -> None:
    assert FakeComplaints(None).listen(SERVICE, since=START) is None
