import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.workloads import Rollout, RolloutState, WorkloadRef
from tests.contract.workloads import BAD, GOOD, AbortsContract, World
from tests.fakes.workloads import FakeWorkloads


class FakeWorld(World):
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self.workloads = self.fake = FakeWorkloads(now=lambda: self.at)
        self._names = (f"shop-{n}" for n in itertools.count())

    def new(self, kind: str, image: str = GOOD) -> WorkloadRef:
        ref = self.absent(kind)
        self.fake.deploy(ref, image)
        return ref

    def absent(self, kind: str) -> WorkloadRef:
        return WorkloadRef("test", "production", kind, next(self._names))

    def deploy(
        self,
        ref: WorkloadRef,
        image: str,
        *,
        schema: int | None = None,
        schema_at_least: int | None = None,
    ) -> None:
        self.fake.deploy(ref, image, schema=schema, schema_at_least=schema_at_least)

    def half_updated(self) -> WorkloadRef:
        ref = self.new("rollout")
        self.fake.begin_update(ref, BAD)
        return ref

    def promote(self, ref: WorkloadRef) -> None:
        self.fake.update(ref, stable_template_id="", rollout=Rollout(RolloutState.COMPLETE, "healthy"))

    def restart(self, ref: WorkloadRef) -> None:
        self.fake.restart(ref)

    def pause(self, ref: WorkloadRef) -> None:
        self.fake.pause(ref)

    def annotate(self, ref: WorkloadRef, annotations: Mapping[str, str]) -> None:
        self.fake.annotate(ref, annotations)

    def resize(self, ref: WorkloadRef, replicas: int) -> None:
        self.fake.resize(ref, replicas)

    def autoscale(self, ref: WorkloadRef, *, minimum: int, maximum: int) -> None:
        self.fake.autoscale(ref, minimum=minimum, maximum=maximum)

    def stop_autoscaling(self, ref: WorkloadRef) -> None:
        self.fake.update(ref, autoscaler=None)

    def get_stuck(self, ref: WorkloadRef) -> None:
        self.fake.update(
            ref, rollout=Rollout(RolloutState.PROGRESSING, "0 of 3 updated replicas are available")
        )

    def forget_history(self, ref: WorkloadRef) -> None:
        self.fake.forget_history(ref)

    def delete(self, ref: WorkloadRef) -> None:
        self.fake.delete(ref)

    def let_a_second_pass(self) -> None:
        self.at += timedelta(seconds=1)


class TestFakeWorkloads(AbortsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
