import pytest

from shared.ports import Asked
from tests.contract.deployments import DeploymentsContract, DeploymentsWorld
from tests.fakes.barriers import FakeDeployments


class FakeWorld(DeploymentsWorld):
    def __init__(self) -> None:
        self.deployments = self.fake = FakeDeployments()

    def wait(self, environment: str = "production") -> Asked:
        asked = Asked("shop/checkout", 9001, environment)
        self.fake.waiting.append(asked)
        return asked

    def verdicts(self) -> list[tuple[str, bool, str]]:
        return [(asked.environment, approved, comment) for asked, approved, comment in self.fake.verdicts]


class TestFakeDeployments(DeploymentsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
