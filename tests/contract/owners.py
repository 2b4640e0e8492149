"""What every owner that can be stopped keeps to, the fake too: subclass the suite and give it an `owned`."""

from abc import ABC, abstractmethod
from dataclasses import replace

from shared.domain.changes import Applied, ResumeOwner, StopOwner
from shared.domain.owners import Ownership, Suspension
from shared.domain.workloads import Owner, Workload
from shared.ports import Owners

ID, ANOTHER = "20260302-120000-0a1b2c3d", "20260302-120500-another0"
LATER = "9a1c0de2" * 5


class Owned(ABC):
    """A workload whose owner would undo a rollback, and what people do to that owner."""

    owners: Owners

    @abstractmethod
    def read(self) -> Workload:
        """Return the workload as the cluster has it."""

    @abstractmethod
    def edit(self) -> None:
        """Change how the owner goes about it, while it runs."""

    @abstractmethod
    def stop_by_hand(self) -> None:
        """Stop the owner as a person does."""

    @abstractmethod
    def start_by_hand(self) -> None:
        """Start the owner that was stopped as a person does, who knows nothing of marks."""

    @abstractmethod
    def take_over(self) -> None:
        """Take away the mark of whoever stopped the owner, so that it stays stopped."""

    @abstractmethod
    def remove(self) -> None:
        """Remove the owner; the workload keeps its marks."""

    def look(self) -> Ownership:
        found = self.owners.look(self.read())
        assert found is not None
        return found

    def stop(self, response_id: str = ID) -> StopOwner:
        """Return what stops the owner as it is now."""
        ref, seen = self.read().ref, self.look()
        return StopOwner(ref, response_id, seen.kind, seen.namespace, seen.name, seen.version, seen.before)

    def stopped(self) -> StopOwner:
        """Stop it, and return by what."""
        change = self.stop()
        assert self.owners.apply(change) is Applied.CHANGED
        return change


def resume(stopped: StopOwner, response_id: str = ID) -> ResumeOwner:
    """Return what starts an owner again as it was before."""
    return ResumeOwner(
        stopped.workload, response_id, stopped.kind, stopped.namespace, stopped.name, stopped.before
    )


class OwnersContract:
    """The suite."""

    def test_one_that_would_undo_a_rollback_is_running(self, owned: Owned) -> None:
        owner = owned.read().owner
        assert owner is not None

        seen = owned.look()

        assert (seen.kind, seen.running, seen.obstacle, seen.stopped_by) == (owner.kind, True, "", "")

    def test_what_others_own_is_not_its_business(self, owned: Owned) -> None:
        workload = owned.read()
        other = Owner("Widget", "shop", undoes_us=True, why="it does")

        assert owned.owners.look(replace(workload, owner=other)) is None
        assert owned.owners.look(replace(workload, owner=None)) is None

    def test_stopping_twice_is_stopping_once(self, owned: Owned) -> None:
        change = owned.stop()

        assert owned.owners.apply(change) is Applied.CHANGED
        assert owned.owners.apply(change) is Applied.ALREADY
        seen = owned.look()
        assert (seen.running, seen.obstacle, seen.stopped_by) == (False, "", ID)

    def test_one_that_changed_since_it_was_read_is_not_stopped(self, owned: Owned) -> None:
        change = owned.stop()
        owned.edit()

        assert owned.owners.apply(change) is Applied.MOVED
        assert owned.look().running

    def test_one_that_someone_stopped_is_not_ours(self, owned: Owned) -> None:
        change = owned.stop()
        owned.stop_by_hand()

        assert owned.owners.apply(change) is Applied.MOVED
        assert owned.owners.apply(resume(change)) is not Applied.CHANGED
        seen = owned.look()
        assert (seen.running, seen.obstacle, seen.stopped_by) == (False, "", "")

    def test_of_two_responses_the_first_stops_it(self, owned: Owned) -> None:
        other = owned.stop(ANOTHER)
        stopped = owned.stopped()

        assert owned.owners.apply(other) is Applied.MOVED
        assert owned.owners.apply(resume(stopped, ANOTHER)) is Applied.MOVED
        assert owned.look().stopped_by == ID

    def test_starting_again_twice_is_starting_once(self, owned: Owned) -> None:
        stopped = owned.stopped()

        assert owned.owners.apply(resume(stopped)) is Applied.CHANGED
        assert owned.owners.apply(resume(stopped)) is Applied.ALREADY
        seen = owned.look()
        assert (seen.running, seen.stopped_by, seen.before) == (True, "", stopped.before)

    def test_one_that_was_started_again_can_be_stopped_again(self, owned: Owned) -> None:
        owned.owners.apply(resume(owned.stopped()))

        owned.stopped()

        assert owned.look().stopped_by == ID

    def test_one_that_someone_took_over_stays_stopped(self, owned: Owned) -> None:
        stopped = owned.stopped()
        owned.take_over()

        assert owned.owners.apply(resume(stopped)) is Applied.MOVED
        seen = owned.look()
        assert (seen.running, seen.stopped_by) == (False, "")

    def test_one_that_someone_started_again_runs_on(self, owned: Owned) -> None:
        stopped = owned.stopped()
        owned.start_by_hand()

        assert (owned.look().running, owned.look().stopped_by) == (True, "")
        owned.owners.apply(resume(stopped))
        assert (owned.look().running, owned.look().stopped_by) == (True, "")

    def test_one_that_is_gone_is_no_obstacle_and_left_alone(self, owned: Owned) -> None:
        change = owned.stop()
        owned.remove()

        seen = owned.look()
        assert (seen.running, seen.obstacle) == (False, "")
        assert owned.owners.apply(change) is Applied.MOVED
        assert owned.owners.apply(resume(change)) is Applied.MOVED
        stopped = Suspension(change.kind, change.namespace, change.name, change.before)
        assert owned.owners.in_step(stopped, commit=LATER)
