from collections.abc import Mapping
from datetime import datetime

import pytest

from shared.domain.signals import NOT_MEASURED, Reading, Signal
from tests.contract.signals import BEFORE_THE_DEPLOY, SERVICE, SignalsContract, World
from tests.fakes.signals import Call, FakeSignals, Told


class FakeWorld(World):
    def __init__(self) -> None:
        self.signals = self.fake = FakeSignals()

    def says(
        self, readings: Mapping[Signal, float], *, traffic: float | None = 600.0, at: datetime | None = None
    ) -> None:
        self.fake.says(readings, traffic=NOT_MEASURED if traffic is None else traffic, at=at)

    def goes_away(self) -> None:
        self.fake.says({}, traffic=NOT_MEASURED)


def test_a_script_answers_by_the_time_that_is_asked_about_and_calls_are_kept() -> None:
    fake = FakeSignals(
        lambda at: Told({Signal.CPU_USAGE: Reading.number(0.9 if at is None else 0.2)}), window_seconds=5
    )

    now = fake.measure(SERVICE, [Signal.CPU_USAGE])
    then = fake.measure(SERVICE, [Signal.CPU_USAGE], at=BEFORE_THE_DEPLOY)

    assert now.readings[Signal.CPU_USAGE] == Reading.number(0.9)
    assert then.readings[Signal.CPU_USAGE] == Reading.number(0.2)
    assert now.longest_window == 5
    cpu = frozenset({Signal.CPU_USAGE})
    assert fake.calls == [Call("checkout", cpu, None), Call("checkout", cpu, BEFORE_THE_DEPLOY)]


class TestFakeSignals(SignalsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
