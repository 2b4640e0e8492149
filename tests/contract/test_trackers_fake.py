from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.ports import NewIssue
from tests.contract.trackers import NAME, PATH, TEMPLATE, TrackerContract, TrackerWorld
from tests.fakes.trackers import FakeTracker


class FakeWorld(TrackerWorld):
    def __init__(self) -> None:
        self.tracker = self.fake = FakeTracker({f"{NAME}/{PATH}": TEMPLATE}, repositories=(NAME,))

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def count(self) -> int:
        return len(self.fake.filed)

    def made(self, reference: str) -> NewIssue:
        return replace(self.fake.filed[reference], body=self.fake.issues[reference].body)

    def tick(self, reference: str, text: str) -> None:
        self.fake.tick(reference, text)

    def close(self, reference: str) -> None:
        self.fake.close(reference)

    def delete(self, reference: str) -> None:
        del self.fake.issues[reference]


class TestFakeTracker(TrackerContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
