"""What every place keeps to in which complaints are heard, the fake too: subclass and give it a `world`."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from shared.domain.services import Service
from shared.domain.workloads import WorkloadRef
from shared.ports import Complaints

SERVICE = Service(
    "checkout",
    WorkloadRef("prod", "production", "deployment", "checkout"),
    team="payments",
    pagerduty_service="PNE3JZM",
)


class ComplaintsWorld(ABC):
    """A place, and what is said there."""

    place: Complaints
    of_customers: bool

    @abstractmethod
    def complain(self) -> datetime:
        """Have somebody complain of the service; return when that was, to a second."""

    @abstractmethod
    def pass_time(self, seconds: float) -> datetime:
        """Let time go by; return the present."""


class ComplaintsContract:
    """The suite."""

    def test_silence_is_heard(self, world: ComplaintsWorld) -> None:
        heard = world.place.listen(SERVICE, since=world.pass_time(0))

        assert heard is not None
        assert (heard.complaints, heard.more, heard.of_customers) == ((), False, world.of_customers)

    def test_what_was_said_since_is_told_in_order_with_its_time_and_address(
        self, world: ComplaintsWorld
    ) -> None:
        world.complain()
        since = world.pass_time(60)
        said = [world.complain()]
        world.pass_time(60)
        said.append(world.complain())

        heard = world.place.listen(SERVICE, since=since - timedelta(seconds=1))

        assert heard is not None
        assert [complaint.at.replace(microsecond=0) for complaint in heard.complaints] == said
        assert all(complaint.url.startswith("https://") for complaint in heard.complaints)
