"""What answers deployments keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod

import pytest

from shared.domain.changes import Applied
from shared.errors import PermanentError
from shared.ports import Asked, Deployments


class DeploymentsWorld(ABC):
    """A host of repositories."""

    deployments: Deployments

    @abstractmethod
    def wait(self, environment: str = "production") -> Asked:
        """Have a deployment wait."""

    @abstractmethod
    def verdicts(self) -> list[tuple[str, bool, str]]:
        """Return the verdicts that were given: environment, whether approved, comment."""


class DeploymentsContract:
    """The suite."""

    @pytest.mark.parametrize("approved", [True, False])
    def test_a_verdict_is_given_once(self, world: DeploymentsWorld, approved: bool) -> None:
        asked = world.wait()

        first = world.deployments.answer(asked, approved=approved, comment="as the gate is")
        second = world.deployments.answer(asked, approved=approved, comment="as the gate is", again=True)

        assert (first, second) == (Applied.CHANGED, Applied.ALREADY)
        assert world.verdicts() == [("production", approved, "as the gate is")]

    def test_what_waits_still_is_answered_the_second_time(self, world: DeploymentsWorld) -> None:
        asked = world.wait()

        assert world.deployments.answer(asked, approved=True, comment="", again=True) is Applied.CHANGED

    def test_what_does_not_wait_is_refused(self, world: DeploymentsWorld) -> None:
        asked = world.wait()
        world.deployments.answer(asked, approved=True, comment="")

        with pytest.raises(PermanentError):
            world.deployments.answer(asked, approved=False, comment="")
        assert len(world.verdicts()) == 1
