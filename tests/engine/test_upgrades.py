"""A deploy in the middle: what the code of the format before had begun, this code brings to its end.

The records are a table of that code, dumped: after it had stored the intent to roll back and died, while it
watched a rollback, and after it had asked.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.dynamodb import items
from shared.domain.reasons import Reason
from shared.domain.response import FORMAT, Outcome
from shared.domain.services import Mode
from tests.engine.world import GOOD, World, a_service

STORED: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "events" / "records-format-1.json").read_text()
)
HELD = (Outcome.COMPLETED, Reason.HELD)


def upgraded(situation: str, *, mode: Mode = Mode.AUTO) -> tuple[World, str]:
    """Return a world whose table holds what the older code left; the cluster is as that saw it."""
    stored = STORED[situation]
    world = World([a_service(mode=mode)])
    world.story()
    if situation == "watching":
        world.workloads.roll_back(world.services[0].workload, GOOD)
    assert {item["format"]["N"] for item in stored["items"]} == {str(FORMAT - 1)}
    world.records._items.update({items.key_of(item): item for item in stored["items"]})
    world.now = datetime.fromisoformat(stored["now"])
    return world, stored["response"]


def test_an_intent_that_older_code_stored_is_made_once_and_told() -> None:
    world, response_id = upgraded("intended")

    assert world.ended(response_id) == HELD
    assert world.rollbacks() == 1
    assert world.image() == GOOD
    codes = world.codes(response_id)
    assert codes[:3] == ["accepted", "assessed", "intended"]
    assert codes.count("rolled_back") == codes.count("ended") == 1
    assert world.people.titles


def test_a_rollback_that_older_code_watched_is_watched_to_its_end() -> None:
    world, response_id = upgraded("watching")

    assert world.ended(response_id) == HELD
    assert world.rollbacks() == 0
    assert world.image() == GOOD
    assert world.record().live is None


@pytest.mark.parametrize(("verb", "end", "rollbacks"), [("approve", HELD, 1), ("abort", None, 0)])
def test_a_question_that_older_code_asked_is_answered(verb: str, end: object, rollbacks: int) -> None:
    world, response_id = upgraded("asked", mode=Mode.APPROVE)
    world.say(response_id, verb)

    assert world.ended(response_id) == (end or (Outcome.ABORTED, Reason.ABORTED_BY_PERSON))
    assert world.rollbacks() == rollbacks


def test_what_is_written_over_an_older_record_is_in_the_present_format() -> None:
    world, response_id = upgraded("intended")
    world.ended(response_id)

    stored = world.records._items[items.response_key(response_id)]
    assert stored["format"] == {"N": str(FORMAT)}
