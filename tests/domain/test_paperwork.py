from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.owners import Reverted
from shared.domain.paperwork import Paperwork
from shared.domain.response import Event, Outcome, Response, Rolled
from tests.domain.examples import NOW, a_response

ALL = Paperwork(("github", "directory"), timedelta(minutes=5), follow_ups=True)
ENDED = Event(9, 8, NOW, "stabilise", "ended")


def ended(outcome: Outcome = Outcome.COMPLETED, **fields: object) -> Response:
    known = {"phase": outcome.value, "rolled": Rolled(NOW, by_us=True), "ended_at": NOW, **fields}
    return replace(a_response(), **known)  # type: ignore[arg-type]


def due(paperwork: Paperwork, response: Response, event: Event = ENDED) -> dict[str, timedelta]:
    return {task.name: (task.due_at or NOW) - NOW for task in paperwork.owed(response, event)}


def test_the_report_comes_first_then_the_follow_ups_then_the_looks_at_them() -> None:
    assert due(ALL, ended()) == {
        "report#000009#github": timedelta(minutes=5),
        "report#000009#directory": timedelta(minutes=5),
        "follow_up#000009#all": timedelta(minutes=6),
        "overdue#000009#short_term#1": timedelta(hours=24),
        "overdue#000009#long_term#1": timedelta(days=7),
    }


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ABORTED])
def test_a_rollback_that_ended_badly_owes_them_too(outcome: Outcome) -> None:
    assert due(ALL, ended(outcome)) == due(ALL, ended())


def test_so_does_one_that_someone_else_made_and_a_revert_in_git() -> None:
    assert due(ALL, ended(rolled=Rolled(NOW, by_us=False))) == due(ALL, ended())
    assert due(ALL, ended(rolled=None, reverted=Reverted("https://x.example"))) == due(ALL, ended())


def test_nothing_is_owed_for_what_changed_no_version_or_has_not_ended() -> None:
    assert due(ALL, ended(Outcome.REFUSED, rolled=None)) == {}
    assert due(ALL, ended(), replace(ENDED, code="rolled_back")) == {}
    assert due(Paperwork(), ended()) == {}


def test_each_item_may_be_a_task_of_its_own() -> None:
    tasks = Paperwork(follow_ups=True, each=True).owed(ended(), ENDED)
    assert [task.name.rpartition("#")[2] for task in tasks if task.kind == "follow_up"] == list("12345678")
    assert len({task.facts["item"] for task in tasks if task.kind == "follow_up"}) == 8
