"""A fix that is merged and approved opens the gate that the response it names keeps closed, and no other."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.domain.changes import Scalar
from shared.domain.response import Task
from shared.errors import TemporaryError
from shared.ports import Versioned
from tests.engine.world import CHECKOUT, World, a_service, an_alert
from tests.fakes.records import Moment

KEY, NAME = "github-shop/checkout", "fix#1"


@pytest.fixture
def world() -> World:
    world = World([a_service(repository="shop/checkout")])
    world.story()
    world.ended(world.send(an_alert(at=world.now))[0].response_id)
    world.reviews.approvers = {"Shop/Checkout#7": "bob"}
    return world


def merge(world: World, **changes: Scalar) -> Task:
    """Tell of a merged fix and run to the end; return the task."""
    facts: Mapping[str, Scalar] = {
        "repository": "Shop/Checkout",
        "number": 7,
        "base": "main",
        "default_branch": "main",
        "merged_by": "alice",
        "response_id": closed_by(world),
        **changes,
    }
    task = Task(KEY, NAME, "fix", due_at=world.now, facts=facts, created_at=world.now)
    assert world.peek.put_task(Versioned(task, 0))
    world.run(limit=timedelta(days=2))
    found = world.records.task(KEY, NAME)
    assert found is not None
    assert found.value.due_at is None
    return found.value


def closed_by(world: World) -> str:
    restored = world.record().restored
    assert restored is not None
    return restored.response_id


def opened(world: World) -> bool:
    return not world.door.gates.closing([CHECKOUT])


def test_an_approved_fix_opens_the_gate_and_the_history_says_who_and_why(world: World) -> None:
    assert merge(world).receipt == "opened"
    assert opened(world)
    last = [event for event in world.events(closed_by(world)) if event.code == "ungate"]
    assert [(event.by, event.facts["reason"]) for event in last] == [
        ("github:alice", "the fix Shop/Checkout#7 is merged, approved by bob")
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"number": 8}, "without an approving review"),
        ({"base": "try-out"}, "not merged into main"),
        ({"response_id": "20260302-120000-0a1b2c3d"}, "keeps no gate"),
        ({"repository": "shop/other"}, "keeps no gate"),
    ],
    ids=["not approved", "another branch", "another response", "another repository"],
)
def test_what_is_no_approved_fix_of_it_opens_nothing(
    world: World, changes: Mapping[str, Scalar], told: str
) -> None:
    assert told in merge(world, **changes).result
    assert not opened(world)


@pytest.mark.parametrize("moment", list(Moment))
def test_a_word_whose_storing_is_in_doubt_is_said_once(world: World, moment: Moment) -> None:
    def lose() -> None:
        raise TemporaryError("no answer")

    world.interrupt("records.commit", moment, lose)
    merge(world)
    assert opened(world)
    assert world.codes(closed_by(world)).count("ungate") == 1


def test_a_host_that_is_away_for_an_hour_is_asked_again(world: World) -> None:
    world.reviews.errors = [TemporaryError("GitHub is away")] * 40
    assert merge(world).receipt == "opened"
