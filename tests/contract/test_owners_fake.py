import pytest

from shared.domain.owners import Ownership
from shared.domain.workloads import Owner, Workload
from tests.contract.owners import Owned, OwnersContract
from tests.domain.examples import a_workload
from tests.fakes.owners import FakeOwner


class FakeOwned(Owned):
    def __init__(self) -> None:
        self.owners = self.fake = FakeOwner(
            Ownership("Argo CD", "argocd", "shop", running=True, version="1", before="{}")
        )

    def read(self) -> Workload:
        return a_workload(owner=Owner("Argo CD", "shop", undoes_us=True, why="it syncs"))

    def edit(self) -> None:
        self.fake.edited()

    def stop_by_hand(self) -> None:
        self.fake.taken_over()

    def start_by_hand(self) -> None:
        self.fake.edited(running=True)

    def take_over(self) -> None:
        self.fake.taken_over()

    def remove(self) -> None:
        self.fake.gone = True


class TestFakeOwner(OwnersContract):
    @pytest.fixture
    def owned(self) -> FakeOwned:
        return FakeOwned()
