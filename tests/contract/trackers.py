"""What every tracker of issues keeps to, the fake too: subclass the suite and give it a `world`."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime

import pytest

from shared.errors import PermanentError
from shared.ports import NewIssue, Section, Template, Tracker

NAME = "shop/checkout"
PATH = ".github/ISSUE_TEMPLATE/incident.yml"
ID = "20260302-120000-0a1b2c3d"
TEMPLATE = Template(
    title="[Incident] ",
    labels=("incident", "triage"),
    assignees=("alice",),
    sections=(
        Section("What happened?", "summary"),
        Section("Severity", "severity", "", ("P0", "P1")),
        Section("Done", "", "- [ ] Told the team"),
    ),
)


class TrackerWorld(ABC):
    """The repository `NAME` with `TEMPLATE` at `PATH`, and what people do there."""

    tracker: Tracker

    @abstractmethod
    def now(self) -> datetime:
        """Return the time there."""

    @abstractmethod
    def count(self) -> int:
        """Return how many issues Backout has made."""

    @abstractmethod
    def made(self, reference: str) -> NewIssue:
        """Return an issue as it is kept there (key and time are not looked at)."""

    @abstractmethod
    def tick(self, reference: str, text: str) -> None:
        """Tick an item of an issue's list off."""

    @abstractmethod
    def close(self, reference: str) -> None:
        """Close an issue."""

    @abstractmethod
    def delete(self, reference: str) -> None:
        """Delete an issue."""

    def wanted(self, **fields: object) -> NewIssue:
        known = NewIssue(
            repository=NAME,
            key=f"report:{ID}",
            since=self.now(),
            title="[Incident] checkout: rolled back",
            body="### To do\n\n- [ ] this\n- [ ] that",
            labels=("incident", "backout"),
            assignees=("alice",),
        )
        return replace(known, **fields)  # type: ignore[arg-type]


class TrackerContract:
    """The suite."""

    def test_the_repositorys_own_template_is_read(self, world: TrackerWorld) -> None:
        assert world.tracker.template(NAME, PATH) == TEMPLATE

    @pytest.mark.parametrize(("name", "path"), [(NAME, "missing.yml"), ("shop/nowhere", PATH)])
    def test_a_template_that_there_is_not_is_none(self, world: TrackerWorld, name: str, path: str) -> None:
        assert world.tracker.template(name, path) is None

    def test_an_issue_is_made_as_it_is_wanted(self, world: TrackerWorld) -> None:
        filed = world.tracker.file(world.wanted())

        assert filed.url == f"https://github.com/{filed.reference.replace('#', '/issues/')}"
        assert filed.open
        made = world.made(filed.reference)
        assert (made.title, made.labels, made.assignees) == (
            "[Incident] checkout: rolled back",
            ("incident", "backout"),
            ("alice",),
        )
        assert made.body.startswith("### To do\n\n- [ ] this")

    def test_what_is_filed_twice_is_made_once(self, world: TrackerWorld) -> None:
        filed = world.tracker.file(world.wanted())

        again = world.tracker.file(world.wanted(title="another title", body="longer by now"))

        assert again.reference == filed.reference
        assert world.count() == 1

    def test_one_that_was_closed_meanwhile_is_known_again(self, world: TrackerWorld) -> None:
        filed = world.tracker.file(world.wanted())
        world.close(filed.reference)

        again = world.tracker.file(world.wanted())

        assert (again.reference, again.open) == (filed.reference, False)
        assert world.count() == 1

    def test_others_are_not_taken_for_it(self, world: TrackerWorld) -> None:
        first = world.tracker.file(world.wanted())
        second = world.tracker.file(world.wanted(key=f"follow-ups:{ID}"))
        third = world.tracker.file(world.wanted(key=f"report:{ID}0"))

        assert len({first.reference, second.reference, third.reference}) == world.count() == 3

    def test_an_issue_is_looked_at(self, world: TrackerWorld) -> None:
        reference = world.tracker.file(world.wanted()).reference
        world.tick(reference, "this")

        found = world.tracker.look(reference)

        assert found is not None
        assert (found.reference, found.open) == (reference, True)
        assert "- [x] this\n- [ ] that" in found.body
        world.close(reference)
        closed = world.tracker.look(reference)
        assert closed is not None
        assert not closed.open

    def test_an_issue_that_may_not_be_seen_is_not_taken_for_one_that_is_gone(
        self, world: TrackerWorld
    ) -> None:
        for reference in ("shop/incidents#4711", "shop/nowhere#1"):
            with pytest.raises(PermanentError):
                world.tracker.look(reference)

    def test_an_issue_that_is_gone_is_none(self, world: TrackerWorld) -> None:
        reference = world.tracker.file(world.wanted()).reference
        world.delete(reference)

        assert world.tracker.look(reference) is None

    def test_a_repository_that_there_is_not_is_refused(self, world: TrackerWorld) -> None:
        for name in ("shop/nowhere", "shop", "shop/..", ""):
            with pytest.raises(PermanentError):
                world.tracker.file(world.wanted(repository=name))
        assert world.count() == 0
